import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { KiB } from "@casemate/core";
import { parseSshPublicKey, type SshPublicKey, stringAt } from "../identity/ssh-public-key.ts";

export type PrivateKeyFormat =
  | "pkcs1"
  | "pkcs8"
  | "sec1"
  | "dsa"
  | "openssh"
  | "putty"
  | "openpgp"
  | "other";

/** What a private key's file says of it without its passphrase. HOSTILE: the guest wrote it. */
export interface PrivateKey {
  readonly format: PrivateKeyFormat;
  /** Whether a passphrase is needed; `unreadable` where the file is damaged, or its format not known here. */
  readonly protection: "none" | "passphrase" | "unreadable";
  /** As SSH names the key that belongs to it, where that is in the file or follows from it. */
  readonly publicKey?: SshPublicKey;
  /** SHA-256 of its SubjectPublicKeyInfo in DER, hexadecimal. */
  readonly spki?: string;
}

/** A private key in a text, and the characters that make it. */
export interface ParsedPrivateKey {
  readonly key: PrivateKey;
  /** The secret itself, in one form however it is broken into lines: for a fingerprint alone. */
  readonly body: string;
}

/** What a key has at most, with its lines: RSA of 16,384 bits has 13 KiB. */
export const MAX_PRIVATE_KEY = 32 * KiB;
/** HOSTILE: examples have dots in their place; the shortest key, Ed25519 in PKCS #8, has 64. */
const MIN_BODY = 60;

const BEGIN = /-----BEGIN ((?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?)-----/y;
const FORMATS: Readonly<Record<string, PrivateKeyFormat>> = {
  "RSA PRIVATE KEY": "pkcs1",
  "PRIVATE KEY": "pkcs8",
  "ENCRYPTED PRIVATE KEY": "pkcs8",
  "EC PRIVATE KEY": "sec1",
  "DSA PRIVATE KEY": "dsa",
  "OPENSSH PRIVATE KEY": "openssh",
  "PGP PRIVATE KEY BLOCK": "openpgp",
};
const OPENSSH_MAGIC = "openssh-key-v1\0";
/** RFC 8017 and RFC 5656, 6.2: names of curves in JWK and in SSH. */
const CURVES: Readonly<Record<string, string>> = {
  "P-256": "nistp256",
  "P-384": "nistp384",
  "P-521": "nistp521",
};

/** The private key that begins at `at` in `text`; `undefined` where none does. */
export function parsePrivateKey(text: string, at: number): ParsedPrivateKey | undefined {
  if (text.startsWith("PuTTY-User-Key-File-", at)) return parsePutty(text.slice(at));
  BEGIN.lastIndex = at;
  const label = BEGIN.exec(text)?.[1];
  if (label === undefined) return undefined;
  const end = text.indexOf(`-----END ${label}-----`, BEGIN.lastIndex);
  if (end < 0) return undefined;
  // In JSON and in code, line ends are written as two characters.
  const lines = text
    .slice(BEGIN.lastIndex, end)
    .replaceAll(/\\[nr]/g, "\n")
    .split("\n");
  const isHeader = (line: string) => line.includes(":");
  const body = lines
    .filter((line) => !isHeader(line))
    .map((line) => line.replaceAll(/[^A-Za-z0-9+/=]/g, ""))
    .join("");
  if (body.length < MIN_BODY) return undefined;
  const isEncrypted =
    label === "ENCRYPTED PRIVATE KEY" ||
    lines.some((line) => isHeader(line) && line.includes("ENCRYPTED"));
  return { key: describe(label, Buffer.from(body, "base64"), isEncrypted), body };
}

function describe(label: string, bytes: Buffer, isEncrypted: boolean): PrivateKey {
  const format = FORMATS[label] ?? "other";
  if (isEncrypted) return { format, protection: "passphrase" };
  switch (format) {
    case "openssh":
      return describeOpenSsh(bytes);
    case "pkcs1":
    case "pkcs8":
    case "sec1":
    case "dsa":
      return describePem(format, label, bytes);
    case "putty":
    case "openpgp":
    case "other":
      return { format, protection: "unreadable" };
  }
}

/** OpenSSH's PROTOCOL.key: the cipher, and the public key, are in clear. */
function describeOpenSsh(bytes: Buffer): PrivateKey {
  const unreadable = { format: "openssh", protection: "unreadable" } as const;
  if (bytes.toString("latin1", 0, OPENSSH_MAGIC.length) !== OPENSSH_MAGIC) return unreadable;
  const cipher = stringAt(bytes, OPENSSH_MAGIC.length);
  if (cipher === undefined) return unreadable;
  // Cipher, KDF and its options, the number of keys, then the first public one.
  let at = OPENSSH_MAGIC.length;
  for (let i = 0; i < 3; i += 1) at += 4 + (stringAt(bytes, at)?.length ?? bytes.length);
  const blob = stringAt(bytes, at + 4);
  const publicKey = blob === undefined ? undefined : parseSshPublicKey(blob);
  const protection = cipher.toString("latin1") === "none" ? "none" : "passphrase";
  return { format: "openssh", protection, ...(publicKey === undefined ? {} : { publicKey }) };
}

function describePem(format: PrivateKeyFormat, label: string, bytes: Buffer): PrivateKey {
  const pem = `-----BEGIN ${label}-----\n${bytes.toString("base64")}\n-----END ${label}-----\n`;
  try {
    const key = createPublicKey(createPrivateKey(pem));
    const spki = createHash("sha256").update(key.export({ type: "spki", format: "der" }));
    const blob = sshBlobOf(key);
    const publicKey = blob === undefined ? undefined : parseSshPublicKey(blob);
    return {
      ...{ format, protection: "none", spki: spki.digest("hex") },
      ...(publicKey === undefined ? {} : { publicKey }),
    };
  } catch {
    // OpenSSL refuses it: said in the row, and a key that is damaged opens nothing.
    return { format, protection: "unreadable" };
  }
}

/** RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4. `undefined` for keys that SSH has no form for. */
function sshBlobOf(key: KeyObject): Buffer | undefined {
  switch (key.asymmetricKeyType) {
    case "rsa": {
      const { e = "", n = "" } = key.export({ format: "jwk" });
      return join(Buffer.from("ssh-rsa"), positive(e), positive(n));
    }
    case "ec": {
      const curve = key.asymmetricKeyDetails?.namedCurve;
      if (!/^(?:prime256v1|secp384r1|secp521r1)$/.test(curve ?? "")) return undefined;
      const { crv = "", x = "", y = "" } = key.export({ format: "jwk" });
      const name = CURVES[crv] ?? "";
      const point = [Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")];
      return join(Buffer.from(`ecdsa-sha2-${name}`), Buffer.from(name), Buffer.concat(point));
    }
    case "ed25519": {
      const { x = "" } = key.export({ format: "jwk" });
      return join(Buffer.from("ssh-ed25519"), Buffer.from(x, "base64url"));
    }
    default:
      return undefined;
  }
}

/** A number without a sign, with a zero before a first bit that is set (RFC 4251, 5). */
function positive(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, "base64url");
  return (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]);
}

function join(...strings: readonly Buffer[]): Buffer {
  return Buffer.concat(
    strings.flatMap((string) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(string.length);
      return [length, string];
    }),
  );
}

/** PuTTY's manual, appendix C: the public key is in clear. */
function parsePutty(text: string): ParsedPrivateKey | undefined {
  const encryption = /^Encryption: ([\w-]{1,32})\s*$/m.exec(text)?.[1];
  const body = readLines(text, "Private");
  if (encryption === undefined || body === undefined) return undefined;
  const publicKey = parseSshPublicKey(Buffer.from(readLines(text, "Public") ?? "", "base64"));
  return {
    key: {
      ...{ format: "putty", protection: encryption === "none" ? "none" : "passphrase" },
      ...(publicKey === undefined ? {} : { publicKey }),
    },
    body,
  };
}

function readLines(text: string, which: "Public" | "Private"): string | undefined {
  const header = new RegExp(`^${which}-Lines: (\\d{1,4})\\s*$`, "m").exec(text);
  if (header === null) return undefined;
  const rest = text.slice(header.index + header[0].length).trimStart();
  return rest.split(/\r?\n/, Number(header[1])).join("").trim();
}
