import { closeSync, constants, openSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import { guessImageFormat, type LuksKey, openImageChain } from "@casemate/formats/disk";
import { FileReader } from "./file-reader.ts";
import { guessForeignFormat } from "./foreign-format.ts";
import type { OpenDisk } from "./open-disk.ts";
import { openForeignDisk } from "./open-foreign-disk.ts";

/**
 * Opens a disk by the files that somebody named: the image, then what it is a layer above, if anything. The
 * format of each is guessed by its first bytes; names in them are not followed. What is neither raw nor qcow2
 * is read by QEMU, in a process without rights. `key` opens the qcow2 images among them that are encrypted.
 *
 * Throws `disk/unreadable`, `disk/incomplete`, `disk/damaged`, `disk/unsupported`, `disk/encrypted`.
 */
export function openDiskFiles(paths: readonly string[], key?: LuksKey): OpenDisk {
  using undo = new DisposableStack();
  const layers = paths.map((path) => {
    const fd = undo.adopt(openForReading(path), closeSync);
    const file = new FileReader(fd, path);
    const foreign = guessForeignFormat(file);
    if (foreign === undefined) return { file, format: guessImageFormat(file), key };
    return { file: undo.use(openForeignDisk(file, foreign)).disk, format: "raw" as const };
  });
  const disk = openImageChain(layers);
  const opened = undo.move();
  return { disk, [Symbol.dispose]: () => opened.dispose() };
}

function openForReading(path: string): number {
  try {
    // Without O_NONBLOCK, opening a FIFO waits for a writer.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new CasemateError(
      "disk/unreadable",
      `Cannot open disk image ${path}: ${cause instanceof Error ? cause.message : cause}, expected a readable file.`,
      { cause },
    );
  }
}
