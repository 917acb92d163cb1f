import type { Command } from "commander";
import { type OrderOptions, placeOrder, withOrder } from "../../client/order.ts";
import type { Context } from "../../context.ts";
import { ledgerDirectory, localActor, openForWriting, type PlaceOptions } from "./ledger-place.ts";

/** Through the control plane, as the policy has it; for a ledger of its own at once. */
export function configureRotate(command: Command, context: Context): void {
  const { output } = context;
  withOrder(
    command.description(
      "make a new signing key, which the old one vouches for, and forget the old",
    ),
  )
    .option("--ledger <dir>", "a ledger that no control plane works in")
    .action(async (options: PlaceOptions & OrderOptions) => {
      if (options.ledger === undefined) {
        await placeOrder("/api/v1/operations/ledger.rotate", {}, options, context);
        return;
      }
      await using ledger = await openForWriting(ledgerDirectory(context.environment, options));
      const fact = await ledger.rotateKey(localActor());
      const key = String(fact.body["newKey"]);
      if (output.json) output.document("LedgerKey", { key, fact: fact.index });
      else output.text(`${key}\nSince fact ${fact.index}. Witnesses must be told to trust it.\n`);
    });
}
