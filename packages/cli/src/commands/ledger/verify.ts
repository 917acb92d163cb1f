import { CasemateError, ExitCode } from "@casemate/core";
import { firstKeyOf, type Proven, type VerifierKey, verifyLedgerProof } from "@casemate/ledger";
import type { Command } from "commander";
import type { Context } from "../../context.ts";
import { parseKeyOption } from "./ledger-place.ts";
import { readGiven } from "./read-given.ts";

export function configureVerify(command: Command, context: Context): void {
  command
    .description("verify a document of `casemate ledger prove`; exits with 2 if it proves nothing")
    .option("--key <vkey>", "the ledger's first key, known from elsewhere", parseKeyOption)
    .option("--json", "print JSON")
    .addHelpText("after", "\nExits with 3 without --key: then nobody knows whose ledger it is.")
    .action(async (path: string, options: { readonly key?: VerifierKey }) => {
      const document = parseDocument(await readGiven(path), path);
      const key = options.key ?? firstKeyOf(document);
      print(verifyLedgerProof(document, key), key, options.key !== undefined, context);
      // As `casemate evidence verify`: anybody can make a proof that is right in itself.
      if (options.key === undefined) context.exitWith(ExitCode.inconclusive);
    });
}

function print(proven: Proven, key: VerifierKey, isTrusted: boolean, { output }: Context): void {
  const { checkpoint, facts, earlier } = proven;
  const { origin, size } = checkpoint;
  if (output.json) {
    const since = earlier === undefined ? {} : { since: earlier.size };
    output.document("LedgerProven", {
      origin,
      size,
      key: key.text,
      isTrusted,
      ...since,
      items: facts,
    });
    return;
  }
  output.table(
    [
      { title: "FACT", align: "right" },
      { title: "TIME" },
      { title: "KIND" },
      { title: "ACTOR" },
      { title: "SUBJECT" },
    ],
    facts.map(({ index, time, kind, actor, subject }) => [
      String(index),
      time,
      kind,
      actor,
      subject,
    ]),
  );
  if (earlier !== undefined) {
    output.text(`\nNothing of the first ${earlier.size} facts was changed since.\n`);
  }
  output.text(`\nProven by the checkpoint of size ${size}, under the key ${key.text}`);
  output.text(
    isTrusted
      ? ".\n"
      : "\n(not checked: compare it with the one you know, or give that with --key).\n",
  );
}

function parseDocument(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new CasemateError(
      "ledger/malformed",
      `Cannot read ${path}: it is not JSON, expected a document of \`casemate ledger prove\`.`,
      { cause: thrown },
    );
  }
}
