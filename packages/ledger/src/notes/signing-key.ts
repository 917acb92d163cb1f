import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { CasemateError } from "@casemate/core";
import { formatBase64, parseBase64 } from "./base64.ts";
import {
  formatKeyId,
  type SignatureType,
  type VerifierKey,
  verifierKeyOf,
} from "./verifier-key.ts";

/** A private Ed25519 key that signs notes. Its text is a secret. */
export interface SigningKey {
  readonly verifier: VerifierKey;
  /** The key as its file holds it: `PRIVATE+KEY+NAME+ID+BASE64`, as golang.org/x/mod/sumdb/note writes it. */
  readonly secretText: string;
  sign(message: Uint8Array): Uint8Array;
}

/** What stands before the 32 bytes of the seed in a private key's DER form (RFC 8410, 7). */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** A new key under `name`. */
export function generateSigningKey(name: string, type: SignatureType): SigningKey {
  return signingKeyOf(name, type, randomBytes(32));
}

/** The key of a key file, of this type. Throws `ledger/key-unusable`, which says nothing of the text. */
export function parseSigningKey(text: string, type: SignatureType, what: string): SigningKey {
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\n$/.exec(text);
  const [, name = "", id = "", material = ""] = match ?? [];
  const bytes = parseBase64(material);
  if (bytes?.length !== 33 || bytes[0] !== type) throw unusable(what, "is not one");
  const key = signingKeyOf(name, type, bytes.subarray(1));
  if (formatKeyId(key.verifier.id) !== id) throw unusable(what, "is damaged");
  return key;
}

function signingKeyOf(name: string, type: SignatureType, seed: Uint8Array): SigningKey {
  const privateKey = createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, seed]),
    format: "der",
    type: "pkcs8",
  });
  const verifier = verifierKeyOf(name, type, publicBytes(createPublicKey(privateKey)));
  const material = formatBase64(Buffer.concat([Uint8Array.of(type), seed]));
  return {
    verifier,
    secretText: `PRIVATE+KEY+${name}+${formatKeyId(verifier.id)}+${material}\n`,
    sign: (message) => sign(null, message, privateKey),
  };
}

function publicBytes(key: KeyObject): Uint8Array {
  return key.export({ format: "der", type: "spki" }).subarray(-32);
}

function unusable(what: string, seen: string): CasemateError {
  return new CasemateError(
    "ledger/key-unusable",
    `Cannot use the signing key ${what}: the file ${seen}, expected a signed-note Ed25519 key.`,
  );
}
