import { randomBytes } from "node:crypto";
import { CasemateError, canonicalJson, type JsonValue } from "@casemate/core";
import { sha256 } from "../merkle/hashes.ts";

/** A body that only its commitment stands for in the tree, with the salt that the commitment needs. */
export interface SealedBody {
  /** Of which fact. */
  readonly index: number;
  readonly name: string;
  /** 32 random bytes in hexadecimal: without them nobody can guess what a short body was. */
  readonly salt: string;
  readonly body: JsonValue;
}

/** A new salt: 32 random bytes in hexadecimal. */
export function newSalt(): string {
  return randomBytes(32).toString("hex");
}

/** SHA-256 of the salt's 32 bytes and the body's canonical JSON, in hexadecimal. */
export function commitmentTo(salt: string, canonicalBody: string): string {
  return sha256(Buffer.concat([Buffer.from(salt, "hex"), Buffer.from(canonicalBody)])).toString(
    "hex",
  );
}

/** Sealed bodies as they are kept: one line of canonical JSON each. */
export function formatSealedBodies(bodies: readonly SealedBody[]): string {
  return bodies
    .map(({ index, name, salt, body }) => `${canonicalJson({ body, index, name, salt })}\n`)
    .join("");
}

/** Sealed bodies as a file keeps them. `what` names it in errors. Throws `ledger/damaged`. */
export function parseSealedBodies(text: string, what: string): readonly SealedBody[] {
  const lines = text.split("\n");
  const damaged = (line: number) =>
    new CasemateError(
      "ledger/damaged",
      `Cannot read ${what}: line ${line + 1} is not a sealed body, expected canonical JSON.`,
    );
  if (lines.pop() !== "") throw damaged(lines.length);
  return lines.map((line, i) => {
    const sealed = parseSealedBody(line);
    if (sealed === undefined) throw damaged(i);
    return sealed;
  });
}

/** The sealed body of a line, without its newline; `undefined` for anything else. */
export function parseSealedBody(line: string): SealedBody | undefined {
  try {
    const { index, name, salt, body, ...others } = JSON.parse(line);
    const isSealedBody =
      Number.isSafeInteger(index) &&
      typeof name === "string" &&
      typeof salt === "string" &&
      /^[0-9a-f]{64}$/.test(salt) &&
      body !== undefined &&
      Object.keys(others).length === 0 &&
      canonicalJson({ body, index, name, salt }) === line;
    return isSealedBody ? { index, name, salt, body } : undefined;
  } catch {
    return undefined; // not JSON: the caller says where
  }
}
