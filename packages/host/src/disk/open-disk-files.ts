import { closeSync, constants, existsSync, fstatSync, openSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import {
  type BlockReader,
  guessImageFormat,
  type ImageLayer,
  type LuksKey,
  openImageChain,
} from "@casemate/formats/disk";
import { FileReader } from "./file-reader.ts";
import { guessForeignFormat } from "./foreign-format.ts";
import type { OpenDisk } from "./open-disk.ts";

/** What each file of an image is to be read through; `identity` is the same for the same file alone. */
export type ReadThrough = (file: BlockReader, identity: string) => BlockReader;

/**
 * Opens a disk by the files that somebody named: the image, then what it is a layer above, if anything. The
 * format of each is guessed by its first bytes; names in them are not followed. What is neither raw nor qcow2
 * is read by QEMU, in a process without rights. `key` opens the qcow2 images among them that are encrypted.
 * `FILE#SNAPSHOT` is the disk as an internal snapshot of a qcow2 image has it, by its id or name.
 *
 * Throws `disk/not-found`, `disk/unreadable`, `disk/incomplete`, `disk/damaged`, `disk/unsupported`, `disk/encrypted`.
 */
export async function openDiskFiles(
  paths: readonly string[],
  key?: LuksKey,
  through: ReadThrough = (file) => file,
): Promise<OpenDisk> {
  using undo = new DisposableStack();
  const layers: ImageLayer[] = [];
  for (const named of paths) {
    const { path, snapshot } = splitSnapshot(named);
    const fd = undo.adopt(openForReading(path), closeSync);
    const file = new FileReader(fd, path);
    const foreign = guessForeignFormat(file);
    if (foreign === undefined) {
      const { dev, ino } = fstatSync(fd);
      const read = through(file, `${dev}:${ino}`);
      layers.push({ file: read, format: guessImageFormat(file), key, snapshot });
      continue;
    }
    // What talks to QEMU takes as long to load as all else, and is mostly not needed.
    const { openForeignDisk } = await import("./open-foreign-disk.ts");
    const { disk } = undo.use(openForeignDisk(file, foreign));
    layers.push({ file: disk, format: "raw", snapshot });
  }
  const disk = openImageChain(layers);
  const opened = undo.move();
  return { disk, [Symbol.dispose]: () => opened.dispose() };
}

/** A name that has a `#` and is that of a file is no snapshot's. */
function splitSnapshot(named: string): { readonly path: string; readonly snapshot?: string } {
  const at = named.lastIndexOf("#");
  if (at <= 0 || existsSync(named)) return { path: named };
  return { path: named.slice(0, at), snapshot: named.slice(at + 1) };
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
