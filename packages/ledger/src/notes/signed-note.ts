import { verify } from "node:crypto";
import { CasemateError } from "@casemate/core";
import { formatBase64, parseBase64 } from "./base64.ts";
import type { SigningKey } from "./signing-key.ts";
import { formatKeyId, SignatureType, type VerifierKey } from "./verifier-key.ts";

/** A signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  /** What the key made, after the key ID. */
  readonly signature: Uint8Array;
}

/** A note (C2SP signed-note): text that ends with a newline, and who signed it. */
export interface SignedNote {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** More than any checkpoint with its witnesses has; C2SP signed-note asks for at least 16 signatures. */
const LIMITS = { bytes: 64 * 1024, signatures: 64 };

/**
 * A note as its bytes say.
 *
 * HOSTILE: it comes from anybody until a signature is verified. Throws `ledger/malformed`.
 */
export function parseNote(note: string): SignedNote {
  if (note.length > LIMITS.bytes) throw malformed(`it has ${note.length} characters`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the specification forbids
  if (/[\u0000-\u0009\u000b-\u001f\ufffd]/.test(note) || !note.isWellFormed()) {
    throw malformed("it has control characters or is not UTF-8");
  }
  const split = note.lastIndexOf("\n\n");
  if (split === -1 || !note.endsWith("\n")) throw malformed("no blank line is in it");
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > LIMITS.signatures) throw malformed(`it has ${lines.length} signatures`);
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/** One signature line, without its newline. Throws `ledger/malformed`. */
export function parseSignatureLine(line: string): NoteSignature {
  const match = /^\u2014 (?<name>[^\p{White_Space}+]+) (?<signature>[A-Za-z0-9+/=]+)$/u.exec(line);
  const bytes = parseBase64(match?.groups?.["signature"] ?? "");
  if (bytes === undefined || bytes.length < 5) {
    throw malformed(`it has the signature line ${JSON.stringify(line.slice(0, 200))}`);
  }
  const name = match?.groups?.["name"] ?? "";
  return { name, keyId: bytes.readUInt32BE(0), signature: bytes.subarray(4) };
}

/** The note as it is kept and sent. */
export function formatNote({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map(formatSignatureLine).join("")}`;
}

/** A signature line with its newline. */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  const bytes = Buffer.concat([Buffer.alloc(4), signature]);
  bytes.writeUInt32BE(keyId);
  return `\u2014 ${name} ${formatBase64(bytes)}\n`;
}

/** The signature of an Ed25519 key over a note's text. */
export function signNote(text: string, key: SigningKey): NoteSignature {
  const { name, id } = key.verifier;
  return { name, keyId: id, signature: key.sign(Buffer.from(text)) };
}

/**
 * A witness's timestamped signature over a checkpoint's text (C2SP tlog-cosignature, "Ed25519 signed
 * message"); `time` in seconds since 1970.
 */
export function cosignNote(text: string, key: SigningKey, time: number): NoteSignature {
  const timestamp = Buffer.alloc(8);
  timestamp.writeBigUInt64BE(BigInt(time));
  const signature = key.sign(Buffer.from(cosignedMessage(text, time)));
  const { name, id } = key.verifier;
  return { name, keyId: id, signature: Buffer.concat([timestamp, signature]) };
}

function cosignedMessage(text: string, time: number | bigint): string {
  return `cosignature/v1\ntime ${time}\n${text}`;
}

/** Whether the signature is one that `key` would have made: same name and same ID. */
export function isBy(signature: NoteSignature, key: VerifierKey): boolean {
  return signature.name === key.name && signature.keyId === key.id;
}

/**
 * The keys that signed the note, of those given; signatures by others are passed over, as C2SP signed-note
 * wants it. Throws `ledger/unproven` when a signature of a given key is wrong.
 */
export function verifyNote(note: SignedNote, keys: readonly VerifierKey[]): readonly VerifierKey[] {
  const signers = new Set<VerifierKey>();
  for (const signature of note.signatures) {
    const key = keys.find((candidate) => isBy(signature, candidate));
    if (key === undefined) continue;
    if (!isSignatureOf(note.text, signature.signature, key)) {
      throw new CasemateError(
        "ledger/unproven",
        `Cannot verify a note: the signature of ${key.name}+${formatKeyId(key.id)} is wrong, expected one over its text.`,
      );
    }
    signers.add(key);
  }
  return [...signers];
}

function isSignatureOf(text: string, signature: Uint8Array, key: VerifierKey): boolean {
  switch (key.type) {
    case SignatureType.ed25519:
      return verify(null, Buffer.from(text), key.keyObject, signature);
    case SignatureType.cosignature: {
      if (signature.length !== 8 + 64) return false;
      const time = Buffer.from(signature.subarray(0, 8)).readBigUInt64BE();
      const message = Buffer.from(cosignedMessage(text, time));
      return verify(null, message, key.keyObject, signature.subarray(8));
    }
  }
}

function malformed(seen: string): CasemateError {
  return new CasemateError(
    "ledger/malformed",
    `Cannot read a signed note: ${seen}, expected the form of C2SP signed-note.`,
  );
}
