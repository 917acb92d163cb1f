import { LedgerReader, proveFacts } from "@casemate/ledger";
import type { Command } from "commander";
import type { Context } from "../../context.ts";
import { ledgerDirectory, type PlaceOptions, parseIndex, withPlace } from "./ledger-place.ts";
import { readGiven } from "./read-given.ts";

interface ProveOptions extends PlaceOptions {
  readonly sealed?: boolean;
  readonly since?: string;
}

export function configureProve(command: Command, { environment, output }: Context): void {
  withPlace(command.description("a document that proves facts to anybody, without the ledger"))
    .option("--sealed", "show the sealed bodies of these facts too")
    .option("--since <file>", "an earlier checkpoint: prove that nothing before it was changed")
    .addHelpText(
      "after",
      "\nPrints JSON; `casemate ledger verify` and casemate-verify.mjs take it.",
    )
    .action(async (indexes: readonly string[], options: ProveOptions) => {
      const numbers = indexes.map(parseIndex);
      const ledger = await LedgerReader.open(ledgerDirectory(environment, options));
      const { kind, ...proof } = await proveFacts(ledger, numbers, {
        sealed: options.sealed === true,
        ...(options.since === undefined ? {} : { earlier: await readGiven(options.since) }),
      });
      output.document(kind, proof);
    });
}
