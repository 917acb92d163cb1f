import { verify } from "node:crypto";
import { CasemateError, type JsonObject } from "@casemate/core";
import type { Fact } from "../facts/fact.ts";
import { formatBase64, parseBase64 } from "../notes/base64.ts";
import type { SigningKey } from "../notes/signing-key.ts";
import { parseVerifierKey, SignatureType, type VerifierKey } from "../notes/verifier-key.ts";

/** The kind of the fact by which one signing key gives way to the next. */
export const KEY_ROTATED = "ledger/key-rotated";

/** The name of the file that lists the ledger's verifier keys. */
export const KEYS = "keys";

/** A key of the ledger, and the size of tree from which on it signs. */
export interface KeyLink {
  readonly from: number;
  readonly key: VerifierKey;
}

/** Every key that ever signed for the ledger, in order; each but the first is vouched for by the one before. */
export type KeyChain = readonly KeyLink[];

/** The chain as its file has it: a line for each key. */
export function formatKeyChain(chain: KeyChain): string {
  return chain.map(({ from, key }) => `${from} ${key.text}\n`).join("");
}

/** The chain that a file says. Throws `ledger/damaged`. */
export function parseKeyChain(text: string): KeyChain {
  const lines = text.split("\n");
  const damaged = (line: number, cause?: unknown) =>
    new CasemateError(
      "ledger/damaged",
      `Cannot read ${KEYS}: line ${line + 1} is not a key of the ledger, expected a tree size and a vkey.`,
      { cause },
    );
  if (lines.pop() !== "" || lines.length === 0) throw damaged(lines.length);
  let last = -1;
  return lines.map((line, i) => {
    const [from = "", key = "", ...others] = line.split(" ");
    const size = Number(from);
    if (String(size) !== from || others.length > 0 || size <= last || (i === 0 && size !== 0)) {
      throw damaged(i);
    }
    last = size;
    try {
      return { from: size, key: parseVerifierKey(key) };
    } catch (thrown) {
      throw damaged(i, thrown);
    }
  });
}

/** The key that signs the tree of `size`. */
export function keyFor(chain: KeyChain, size: number): VerifierKey | undefined {
  return chain.findLast(({ from }) => from <= size)?.key;
}

/** The body of the fact by which `old` gives way to `next`. */
export function formatRotation(origin: string, old: SigningKey, next: VerifierKey): JsonObject {
  const oldKey = old.verifier.text;
  const message = Buffer.from(rotationMessage(origin, oldKey, next.text));
  return { newKey: next.text, oldKey, signature: formatBase64(old.sign(message)) };
}

/**
 * The next key, if this fact brings one that `old` vouches for.
 *
 * Throws `ledger/unproven` for a rotation that `old` did not sign.
 */
export function verifyRotation(origin: string, old: VerifierKey, fact: Fact): KeyLink {
  const { oldKey, newKey, signature } = fact.body;
  const bytes = parseBase64(String(signature));
  const message = Buffer.from(rotationMessage(origin, old.text, String(newKey)));
  if (oldKey !== old.text || bytes === undefined || !verify(null, message, old.keyObject, bytes)) {
    throw new CasemateError(
      "ledger/unproven",
      `Cannot follow the ledger's keys: fact ${fact.index} brings a key that the one before did not sign, expected its signature.`,
    );
  }
  const key = parseVerifierKey(String(newKey));
  if (key.type !== SignatureType.ed25519) {
    throw new CasemateError(
      "ledger/unproven",
      `Cannot follow the ledger's keys: fact ${fact.index} brings a witness's key, expected one for checkpoints.`,
    );
  }
  return { from: fact.index + 1, key };
}

function rotationMessage(origin: string, oldKey: string, newKey: string): string {
  return `casemate ledger key rotation v1\n${origin}\n${oldKey}\n${newKey}\n`;
}
