import { open } from "node:fs/promises";

/** Makes the file at `path` for its owner alone if it is not there: SQLite gives its own files the same mode. */
export async function touchPrivate(path: string): Promise<void> {
  await using _file = await open(path, "a", 0o600);
}
