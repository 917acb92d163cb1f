import { CasemateError } from "@casemate/core";
import { parseVerifierKey, SignatureType, type VerifierKey } from "../notes/verifier-key.ts";

/** The name of the file with the newest checkpoint that witnesses have signed too. */
export const COSIGNED = "checkpoint.cosigned";
/** The name of the file with the keys of the witnesses that ever have. */
export const WITNESSES = "witnesses";

/** The keys as their file lists them: a vkey on each line. */
export function formatWitnesses(keys: readonly VerifierKey[]): string {
  return keys.map(({ text }) => `${text}\n`).join("");
}

/** The keys that a file lists. Throws `ledger/damaged`. */
export function parseWitnesses(text: string): readonly VerifierKey[] {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw damaged(lines.length);
  return lines.map((line, i) => {
    const key = parseLine(line);
    if (key?.type !== SignatureType.cosignature) throw damaged(i);
    return key;
  });
}

function parseLine(line: string): VerifierKey | undefined {
  try {
    return parseVerifierKey(line);
  } catch {
    return undefined; // the caller says which line
  }
}

function damaged(line: number): CasemateError {
  return new CasemateError(
    "ledger/damaged",
    `Cannot read ${WITNESSES}: line ${line + 1} is not the key of a witness, expected a vkey.`,
  );
}
