import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";
import { storageError } from "../store/storage-error.ts";

/** Keeps what must be read again (TOTP secrets) unreadable in the database: its key lies beside it, mode 600. */
export interface SecretBox {
  /** AES-256-GCM, bound to `purpose`: what was sealed for one account opens for no other. */
  seal(secret: Uint8Array, purpose: string): string;
  /** Throws `data/damaged` for what was not sealed with this key for this purpose. */
  open(sealed: string, purpose: string): Buffer;
  /** A pseudonym that only the key's holder can make again. */
  pseudonym(text: string): string;
}

const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** The box whose key is `accounts.key` in `directory`, made if it is not there. Throws `data/*`, `disk/full`. */
export async function openSecretBox(directory: string): Promise<SecretBox> {
  const path = join(directory, "accounts.key");
  return secretBox(await readKey(path), path);
}

async function readKey(path: string): Promise<Buffer> {
  try {
    const kept = await readFile(path).catch((thrown: unknown) => {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
      throw thrown;
    });
    if (kept === undefined) {
      const made = randomBytes(keyBytes);
      await writeFile(`${path}.new`, made, { mode: 0o600, flush: true });
      await rename(`${path}.new`, path);
      return made;
    }
    if (kept.length === keyBytes) return kept;
    throw new CasemateError(
      "data/damaged",
      `Cannot read ${path}: ${kept.length} bytes are there, expected a key of ${keyBytes}.`,
    );
  } catch (thrown) {
    throw storageError(thrown, path);
  }
}

function secretBox(key: Buffer, path: string): SecretBox {
  return {
    seal(secret, purpose) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(purpose));
      const text = Buffer.concat([cipher.update(secret), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), text]).toString("base64url");
    },

    open(sealed, purpose) {
      const bytes = Buffer.from(sealed, "base64url");
      try {
        const iv = bytes.subarray(0, ivBytes);
        const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: tagBytes });
        decipher.setAAD(Buffer.from(purpose));
        decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
        return Buffer.concat([
          decipher.update(bytes.subarray(ivBytes + tagBytes)),
          decipher.final(),
        ]);
      } catch (cause) {
        throw new CasemateError(
          "data/damaged",
          `Cannot open a secret (${purpose}): it was not sealed with the key in ${path}.`,
          { cause, next: "Restore accounts.key together with the database it belongs to." },
        );
      }
    },

    pseudonym: (text) => createHmac("sha256", key).update(text).digest("hex"),
  };
}
