import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { storageError } from "./store/storage-error.ts";

/** What the command line on this machine needs to reach the control plane; the file is its user's alone. */
export interface ClientFile {
  readonly url: string;
  readonly token: string;
  /** The server's certificate as PEM: the only one the client trusts. */
  readonly certificate: string;
}

/** Writes `client.json` in `directory`, mode 600, whole or not at all; disposing removes it. */
export async function writeClientFile(
  directory: string,
  client: ClientFile,
): Promise<AsyncDisposable> {
  const path = join(directory, "client.json");
  try {
    await rm(`${path}.new`, { force: true });
    await writeFile(`${path}.new`, JSON.stringify(client), { mode: 0o600, flag: "wx" });
    await rename(`${path}.new`, path);
  } catch (thrown) {
    throw storageError(thrown, path);
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}
