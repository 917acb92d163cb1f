import type { Command } from "commander";
import { type OrderOptions, placeOrder, withOrder } from "../../client/order.ts";
import type { Context } from "../../context.ts";
import {
  ledgerDirectory,
  localActor,
  openForWriting,
  type PlaceOptions,
  parseIndex,
} from "./ledger-place.ts";

interface RedactOptions extends PlaceOptions, OrderOptions {
  readonly why: string;
  readonly name: string;
}

/** Through the control plane, where the policy asks for an approval; a ledger of its own at once. */
export function configureRedact(command: Command, context: Context): void {
  const { output } = context;
  withOrder(
    command
      .description("take a fact's sealed body out for ever; its proofs stay valid")
      .requiredOption("--why <text>", "it stands in the ledger")
      .requiredOption("--name <name>", "the sealed body"),
  )
    .option("--ledger <dir>", "a ledger that no control plane works in")
    .action(async (text: string, options: RedactOptions) => {
      const index = parseIndex(text);
      const { why: reason, name } = options;
      if (options.ledger === undefined) {
        const path = "/api/v1/operations/ledger.redact";
        await placeOrder(path, { index, name, reason }, options, context);
        return;
      }
      await using ledger = await openForWriting(ledgerDirectory(context.environment, options));
      const fact = await ledger.redact(index, { actor: localActor(), reason, names: [name] });
      if (output.json) output.document("LedgerFact", fact);
      else output.text(`Fact ${index} was redacted, as fact ${fact.index} says.\n`);
    });
}
