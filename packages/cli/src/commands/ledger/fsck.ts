import { ExitCode } from "@casemate/core";
import { checkLedger, type LedgerCheck, type VerifierKey } from "@casemate/ledger";
import type { Command } from "commander";
import type { Context } from "../../context.ts";
import { printable } from "../../output/printable.ts";
import { ledgerDirectory, type PlaceOptions, parseKeyOption, withPlace } from "./ledger-place.ts";

interface FsckOptions extends PlaceOptions {
  readonly key?: VerifierKey;
}

export function configureFsck(command: Command, context: Context): void {
  withPlace(command.description("check every byte of the ledger; exits with 2 if one was changed"))
    .option("--key <vkey>", "the ledger's first key, known from elsewhere", parseKeyOption)
    .action(async (options: FsckOptions) => {
      const { key } = options;
      const directory = ledgerDirectory(context.environment, options);
      const check = await checkLedger(directory, key === undefined ? {} : { firstKey: key });
      if (context.output.json) {
        const { damages, ...others } = check;
        context.output.document("LedgerCheck", { ...others, items: damages });
      } else print(check, context);
      if (check.damages.length > 0) context.exitWith(ExitCode.suspicious);
    });
}

function print(
  { damages, origin, size, pending, firstKey }: LedgerCheck,
  { output }: Context,
): void {
  if (damages.length > 0) {
    output.table(
      [{ title: "FILE" }, { title: "PLACE" }, { title: "WHAT IS WRONG" }],
      damages.map(({ file, place = "-", problem }) => [file, place, problem]),
    );
    return;
  }
  const waiting = pending === 0 ? "" : `, ${pending} more wait for a checkpoint`;
  output.text(
    `${printable(origin ?? "")}: ${output.style.good("no damage")} in ${size} facts${waiting}.\n`,
  );
  output.text(`First key: ${printable(firstKey ?? "")}\n`);
}
