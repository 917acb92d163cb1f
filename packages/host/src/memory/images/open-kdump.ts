import { closeSync, fstatSync } from "node:fs";
import type { PhysicalMemory } from "@casemate/core";
import { openKdumpFile, readKdumpPages } from "@casemate/formats/memory-images";
import { CopyingMemory } from "../copying-memory.ts";
import { readFileAt } from "./read-file-at.ts";

/**
 * The guest memory in a kdump-compressed dump, flattened or not; pages that were left out of it are in
 * no range and read as holes do.
 *
 * Owns `fd` once it returns; where it throws, the caller closes. Throws `dump/truncated`,
 * `dump/unknown-format`, `dump/unreadable`; a page that is damaged throws when its window is read.
 */
export async function openKdump(fd: number, path: string): Promise<PhysicalMemory> {
  const dump = openKdumpFile(readFileAt(fd, path), fstatSync(fd).size);
  return new CopyingMemory({
    description: path,
    pieces: dump.pieces,
    live: false,
    fill(number, address, target) {
      const piece = dump.pieces[number];
      if (piece !== undefined) readKdumpPages(dump, piece, address, target);
    },
    close: () => closeSync(fd),
  });
}
