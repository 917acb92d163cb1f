import { CasemateError, toCasemateError } from "@casemate/core";
import { diskError } from "../disk-error.ts";
import type { DirectoryEntry, FileNode } from "./file-node.ts";

/** Linux refuses paths beyond 4,096 bytes, two a directory. */
const MAX_DEPTH = 2048;

/** A file on the way, or why it cannot be read: what could not be looked at is part of what was seen. */
export type WalkedFile =
  | { readonly path: string; readonly node: FileNode; readonly problem?: undefined }
  | { readonly path: string; readonly node?: undefined; readonly problem: CasemateError };

interface Level {
  readonly path: string;
  readonly entries: Iterator<DirectoryEntry>;
}

/**
 * Every file below `root`, each directory before what is in it; symbolic links are not followed.
 *
 * HOSTILE: a directory may be in itself, or in two others: each is walked once, and the second way to it is
 * a problem. How long it takes is the caller's to bound: it takes as many files as it wants.
 */
export function* walkTree(root: FileNode, path: string): Generator<WalkedFile> {
  const seen = new Set<number>([root.stat.inode]);
  const levels: Level[] = [{ path, entries: root.entries()[Symbol.iterator]() }];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    let here = level.path === "" ? "/" : level.path;
    try {
      const next = level.entries.next();
      if (next.done === true) {
        levels.pop();
        continue;
      }
      const { name } = next.value;
      here = `${level.path}/${name}`;
      if (name.includes("/") || name === "") throw wrong(here, "a name with a slash");
      const node = next.value.open();
      const { type, inode } = node.stat;
      if (type === "directory") {
        if (seen.has(inode)) throw wrong(here, `directory ${inode} a second time`);
        if (levels.length > MAX_DEPTH) throw wrong(here, `directories ${levels.length} deep`);
        seen.add(inode);
        levels.push({ path: here, entries: node.entries()[Symbol.iterator]() });
      }
      yield { path: here, node };
    } catch (thrown) {
      if (!(thrown instanceof CasemateError)) throw thrown;
      // The rest of a directory that cannot be read stays unseen; that it is unreadable is said once.
      if (here === (level.path === "" ? "/" : level.path)) levels.pop();
      yield { path: here, problem: toCasemateError(thrown) };
    }
  }
}

function wrong(path: string, seen: string) {
  return diskError("disk/damaged", `walk to ${path}`, { seen, needed: "a tree" });
}
