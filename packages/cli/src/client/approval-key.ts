import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { CasemateError } from "@casemate/core";

/** The key its owner approves with; the private half never leaves this machine. */
export interface ApprovalKey {
  /** Raw Ed25519 (RFC 8032), base64. */
  readonly publicKey: string;
  /** A signature over `text`, base64. */
  sign(text: string): string;
}

/** The key at `path` (PKCS #8 in PEM, mode 600), made if it is not there. Throws `data/damaged`, `system/not-permitted`. */
export async function openApprovalKey(path: string): Promise<ApprovalKey> {
  const privateKey = (await readKey(path)) ?? (await makeKey(path));
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  return {
    publicKey: Buffer.from(x ?? "", "base64url").toString("base64"),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString("base64"),
  };
}

async function readKey(path: string): Promise<KeyObject | undefined> {
  try {
    return createPrivateKey(await readFile(path, "utf8"));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new CasemateError(
      "data/damaged",
      `Cannot read the approval key ${path}: it is no private key, expected what Casemate wrote.`,
      {
        cause,
        next: "Have the account's approval key revoked and remove the file: the next approval makes another.",
      },
    );
  }
}

/** Of several that are made at once one stays, and all use that. */
async function makeKey(path: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const partial = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      await using file = await open(partial, "wx", 0o600);
      await file.writeFile(privateKey.export({ format: "pem", type: "pkcs8" }));
      await file.sync();
      await link(partial, path);
      return privateKey;
    } finally {
      await rm(partial, { force: true });
    }
  } catch (cause) {
    const isThere = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    const others = isThere ? await readKey(path) : undefined;
    if (others !== undefined) return others;
    const seen = cause instanceof Error ? cause.message : String(cause);
    throw new CasemateError(
      "system/not-permitted",
      `Cannot write the approval key ${path}: ${seen}.`,
      { cause },
    );
  }
}
