import { createHash, randomBytes } from "node:crypto";

/** A new bearer token: its text, seen once, and the SHA-256 it is known by. 256 random bits need no slower hash. */
export function newBearer(prefix: string): { readonly text: string; readonly sha256: string } {
  const text = `${prefix}${randomBytes(32).toString("base64url")}`;
  return { text, sha256: digestBearer(text) };
}

export function digestBearer(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A public name for something secret, as a session: 80 random bits. */
export function newId(): string {
  return randomBytes(10).toString("hex");
}
