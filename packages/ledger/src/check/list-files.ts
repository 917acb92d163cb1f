import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Every file under a directory, as sorted paths relative to it; symbolic links and others are files too. */
export async function listFiles(directory: string): Promise<ReadonlySet<string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
  return new Set(paths.sort());
}
