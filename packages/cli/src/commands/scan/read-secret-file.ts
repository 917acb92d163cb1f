import { readFileSync } from "node:fs";
import { wrongUse } from "./wrong-use.ts";

/** All of its bytes, as `cryptsetup --key-file` takes them. Throws `usage`. */
export const readKeyFile = (path: string): Uint8Array => readSecretFile("key", path);

/** @param what the file is called in the error. Throws `usage`. */
export function readSecretFile(what: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw wrongUse(
      `${what} file ${path} is not readable (${cause instanceof Error ? cause.message : cause})`,
    );
  }
}
