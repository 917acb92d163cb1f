import { chmod, chown, link, open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { storageError } from "./storage-error.ts";

/** Where a file is made until it is whole: an interrupted one is removed with the file's own name. */
export function partialPath(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.partial`);
}

/**
 * Makes `file`, whole or not at all: `make` writes it under another name, then it gets the owner and the
 * rights of `like` (its owner may always write), is flushed, and takes its name.
 *
 * Throws `storage/exists` where something has the name, `disk/full`, and what `make` throws; nothing is
 * left then.
 */
export async function makeFile(
  file: string,
  like: string | undefined,
  make: (partial: string) => Promise<void>,
): Promise<void> {
  const doing = `make ${file}`;
  const partial = partialPath(file);
  try {
    await verifyAbsent(file);
    // Left by one that was killed.
    await rm(partial, { force: true });
    await make(partial);
    const model = await stat(like ?? path.dirname(file));
    await chown(partial, model.uid, model.gid);
    await chmod(
      partial,
      like === undefined || !model.isFile() ? 0o600 : (model.mode & 0o666) | 0o600,
    );
    await using handle = await open(partial, "r+");
    await handle.sync();
    // Unlike a rename it never takes the place of what came there meanwhile.
    await link(partial, file);
    await rm(partial);
    await syncDirectory(path.dirname(file));
  } catch (cause) {
    await rm(partial, { force: true });
    throw storageError(doing, cause);
  }
}

export async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, "r");
  await handle.sync();
}

async function verifyAbsent(file: string): Promise<void> {
  const there = await stat(file).catch((cause) => {
    if (cause.code === "ENOENT") return undefined;
    throw cause;
  });
  if (there !== undefined) throw Object.assign(new Error("it exists"), { code: "EEXIST" });
}
