import { CasemateError, toCasemateError } from "@casemate/core";
import { LedgerReader, type SignedCheckpoint, type WitnessAddress } from "@casemate/ledger";
import type { Command } from "commander";
import type { Context } from "../../context.ts";
import { printable } from "../../output/printable.ts";
import { stopOnSignals } from "../../stop-on-signals.ts";
import {
  ledgerDirectory,
  openForWriting,
  type PlaceOptions,
  parseKeyOption,
  withPlace,
} from "./ledger-place.ts";

interface CheckpointOptions extends PlaceOptions {
  readonly witness: readonly WitnessAddress[];
}

export function configureCheckpoint(command: Command, context: Context): void {
  withPlace(command.description("the newest checkpoint: how many facts there are, signed"))
    .option(
      "--witness <url=vkey>",
      "have this witness sign it too; may be given again",
      (text, before: readonly WitnessAddress[]) => [...before, parseWitness(text)],
      [],
    )
    .action(async (options: CheckpointOptions) => {
      const directory = ledgerDirectory(context.environment, options);
      if (options.witness.length > 0) await cosign(directory, options.witness, context);
      else print((await LedgerReader.open(directory)).checkpoint, context);
    });
}

/** Throws what the first witness that did not sign failed with, after the others have. */
async function cosign(
  directory: string,
  witnesses: readonly WitnessAddress[],
  context: Context,
): Promise<void> {
  await using ledger = await openForWriting(directory);
  const cosigned = await ledger.cosign(
    witnesses,
    stopOnSignals(() => {}),
  );
  const [failure] = cosigned.failures;
  if (failure !== undefined) throw toCasemateError(failure.error);
  print(cosigned, context);
}

function print({ origin, size, root, note }: SignedCheckpoint, { output }: Context): void {
  const rootHash = Buffer.from(root).toString("base64");
  if (output.json) output.document("LedgerCheckpoint", { origin, size, rootHash, note });
  else output.text(`${note.trimEnd().split("\n").map(printable).join("\n")}\n`);
}

/** `http://witness.example/=NAME+ID+BASE64`. Throws `usage`. */
function parseWitness(text: string): WitnessAddress {
  const match = /^(?<url>https?:\/\/[^\s=]+)=(?<key>.+)$/.exec(text);
  const { url = "", key = "" } = match?.groups ?? {};
  if (!URL.canParse(url)) {
    throw new CasemateError(
      "usage",
      `Cannot use ${JSON.stringify(text)} as a witness: expected URL=VKEY.`,
    );
  }
  return { url, key: parseKeyOption(key) };
}
