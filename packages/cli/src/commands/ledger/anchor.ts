import { CasemateError, isNonEmpty } from "@casemate/core";
import { type Anchor, anchorCheckpoint, LedgerReader } from "@casemate/ledger";
import type { Command } from "commander";
import type { Context } from "../../context.ts";
import { printable } from "../../output/printable.ts";
import { stopOnSignals } from "../../stop-on-signals.ts";
import { ledgerDirectory, type PlaceOptions, withPlace } from "./ledger-place.ts";

interface AnchorOptions extends PlaceOptions {
  readonly url?: string;
}

export function configureAnchor(command: Command, { environment, output }: Context): void {
  withPlace(command.description("leave the newest checkpoint where nobody here can change it"))
    .option("--url <url>", "send it there, by POST")
    .addHelpText(
      "after",
      "\nA command gets it on its standard input: casemate ledger anchor -- gh gist create -",
    )
    .action(async (argv: readonly string[], options: AnchorOptions) => {
      const anchor = parseAnchor(argv, options.url);
      const { checkpoint } = await LedgerReader.open(ledgerDirectory(environment, options));
      const receipt = await anchorCheckpoint(
        checkpoint.note,
        anchor,
        stopOnSignals(() => {}),
      );
      if (output.json) output.document("LedgerAnchor", { size: checkpoint.size, receipt });
      else {
        output.text(`The checkpoint of size ${checkpoint.size} was taken.\n`);
        if (receipt !== "")
          output.text(`${receipt.trimEnd().split("\n").map(printable).join("\n")}\n`);
      }
    });
}

function parseAnchor(argv: readonly string[], url: string | undefined): Anchor {
  if (isNonEmpty(argv) && url === undefined) return { kind: "command", argv };
  if (argv.length === 0 && url !== undefined && /^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    return { kind: "url", url };
  }
  throw new CasemateError(
    "usage",
    "Cannot anchor a checkpoint: expected either a command or an HTTP URL with --url.",
  );
}
