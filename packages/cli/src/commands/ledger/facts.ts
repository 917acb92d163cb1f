import { type Fact, LedgerReader } from "@casemate/ledger";
import type { Command } from "commander";
import type { Context } from "../../context.ts";
import { ledgerDirectory, type PlaceOptions, withPlace } from "./ledger-place.ts";

interface FactsOptions extends PlaceOptions {
  readonly subject?: string;
  readonly kind?: string;
  readonly sealed?: boolean;
}

export function configureFacts(command: Command, { environment, output }: Context): void {
  withPlace(command.description("what is recorded, in its order; also while Casemate runs"))
    .option("--subject <subject>", "only what happened to this, as vm:UUID or account:NAME")
    .option("--kind <kind>", "only facts of this kind, or that begin so, as operation/")
    .option("--sealed", "the sealed bodies too, as far as they are there")
    .action(async ({ subject, kind = "", sealed = false, ...place }: FactsOptions) => {
      const reader = await LedgerReader.open(ledgerDirectory(environment, place));
      const facts: Fact[] = [];
      for await (const fact of reader.walk()) {
        if (subject !== undefined && fact.subject !== subject) continue;
        if (!fact.kind.startsWith(kind)) continue;
        const { sealed: bodies, ...open } = fact;
        facts.push(sealed && bodies !== undefined ? { ...open, sealed: bodies } : open);
      }
      if (output.json) output.document("LedgerFactList", { items: facts });
      else {
        output.table(
          [
            { title: "FACT", align: "right" },
            { title: "TIME" },
            { title: "KIND" },
            { title: "BY" },
            { title: "ON" },
            { title: "WHAT" },
          ],
          facts.map((fact) => [
            String(fact.index),
            fact.time,
            fact.kind,
            fact.actor,
            fact.subject,
            summarize(fact),
          ]),
        );
      }
    });
}

/** What of the body fits into a line. */
function summarize({ body }: Fact): string {
  return Object.entries(body)
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([key, value]) => `${key} ${String(value).slice(0, 40)}`)
    .join(", ");
}
