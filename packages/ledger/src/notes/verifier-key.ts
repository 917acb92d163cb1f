import { createPublicKey, type KeyObject } from "node:crypto";
import { CasemateError } from "@casemate/core";
import { sha256 } from "../merkle/hashes.ts";
import { formatBase64, parseBase64 } from "./base64.ts";

/** What a key signs (C2SP signed-note, "Signature types"). */
export const SignatureType = { ed25519: 0x01, cosignature: 0x04 } as const;
export type SignatureType = (typeof SignatureType)[keyof typeof SignatureType];

/** A public key that signs notes, with its name. */
export interface VerifierKey {
  readonly name: string;
  readonly type: SignatureType;
  /** The key ID: 4 bytes. */
  readonly id: number;
  /** Ed25519 (RFC 8032), 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly keyObject: KeyObject;
  /** The key as people pass it on, a vkey: `example.com/log+530d903b+AX…`. */
  readonly text: string;
}

/** What stands before the 32 bytes in a public key's DER form (RFC 8410, 4). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** The verifier key of `publicKey` under `name`. Throws `ledger/malformed` for a name that notes cannot carry. */
export function verifierKeyOf(
  name: string,
  type: SignatureType,
  publicKey: Uint8Array,
): VerifierKey {
  // C2SP signed-note: non-empty, no Unicode spaces, no plus; a note has no control characters.
  if (!/^[^\p{White_Space}\p{Cc}+]+$/u.test(name) || !name.isWellFormed()) {
    throw malformed(name, "its name is empty or has spaces or a plus");
  }
  const material = Buffer.concat([Uint8Array.of(type), publicKey]);
  const id = sha256(Buffer.concat([Buffer.from(`${name}\n`), material])).readUInt32BE(0);
  const keyObject = createPublicKey({
    key: Buffer.concat([spkiPrefix, publicKey]),
    format: "der",
    type: "spki",
  });
  const text = `${name}+${formatKeyId(id)}+${formatBase64(material)}`;
  return { name, type, id, publicKey, keyObject, text };
}

/** The key that a vkey says. Throws `ledger/malformed`. */
export function parseVerifierKey(text: string): VerifierKey {
  const match = /^(?<name>[^+]+)\+(?<id>[0-9a-f]{8})\+(?<material>[A-Za-z0-9+/=]+)$/.exec(text);
  const { name = "", id = "", material = "" } = match?.groups ?? {};
  const bytes = parseBase64(material);
  if (bytes === undefined || bytes.length !== 33) {
    throw malformed(text, "it does not have the form NAME+ID+BASE64");
  }
  const type = bytes[0];
  if (type !== SignatureType.ed25519 && type !== SignatureType.cosignature) {
    throw malformed(text, `its signature type is ${type}`);
  }
  const key = verifierKeyOf(name, type, bytes.subarray(1));
  if (formatKeyId(key.id) !== id) throw malformed(text, "its ID is not that of its name and key");
  return key;
}

/** A key ID as vkeys write it: eight hexadecimal digits. */
export function formatKeyId(id: number): string {
  return id.toString(16).padStart(8, "0");
}

function malformed(text: string, seen: string): CasemateError {
  return new CasemateError(
    "ledger/malformed",
    `Cannot use the verifier key ${JSON.stringify(text)}: ${seen}, expected an Ed25519 vkey.`,
  );
}
