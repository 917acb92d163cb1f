import { once } from "node:events";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { serveWitness, type VerifierKey, Witness } from "@casemate/ledger";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { printable } from "../output/printable.ts";
import { stopOnSignals } from "../stop-on-signals.ts";
import { parseKeyOption } from "./ledger/ledger-place.ts";

interface WitnessOptions {
  readonly listen: string;
  readonly data?: string;
  readonly name: string;
  readonly trust: readonly VerifierKey[];
}

export function configureWitness(command: Command, context: Context): void {
  command
    .option("--listen <address>", "where to answer", "127.0.0.1:7444")
    .option("--data <dir>", "where to keep its own key and what it has seen")
    .option("--name <name>", "what it is called, when it is new", `${hostname()}/witness`)
    .option(
      "--trust <vkey>",
      "sign for the ledger with this key from now on; may be given again",
      (text, before: readonly VerifierKey[]) => [...before, parseKeyOption(text)],
      [],
    )
    .addHelpText("after", "\nIt belongs on another machine than the ledger, in other hands.")
    .action(async (options: WitnessOptions) => {
      await runWitness(
        options,
        context,
        stopOnSignals(() => {}),
      );
    });
}

/** Answers until the signal says stop. */
async function runWitness(
  options: WitnessOptions,
  { environment, output }: Context,
  stop: AbortSignal,
): Promise<void> {
  const { parseListenAddress } = await import("@casemate/control");
  const listen = parseListenAddress(options.listen);
  const directory = resolve(options.data ?? `${environment.dataDirectory}-witness`);
  await using witness = await Witness.open(directory, options.name);
  for (const key of options.trust) await witness.trust(key);
  await using server = await serveWitness(witness, listen);
  output.text(`The witness is at ${output.style.strong(server.url)}\n`);
  output.text(`  key      ${printable(witness.key.text)}\n`);
  for (const { text } of witness.trusted) output.text(`  trusts   ${printable(text)}\n`);
  output.text("\nCtrl-C stops it; what it has seen is kept.\n");
  if (!stop.aborted) await once(stop, "abort");
}
