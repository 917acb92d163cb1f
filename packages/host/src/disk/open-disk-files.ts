import { closeSync, constants, openSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import { type BlockReader, guessImageFormat, openImageChain } from "@casemate/formats/disk";
import { FileReader } from "./file-reader.ts";

/** A disk in files that are open; disposing closes them. */
export interface OpenDisk extends Disposable {
  readonly disk: BlockReader;
}

/**
 * Opens a disk by the files that somebody named: the image, then what it is a layer above, if anything. The
 * format of each is guessed by its first bytes; names in them are not followed.
 *
 * Throws `disk/unreadable`, `disk/incomplete`, `disk/damaged`, `disk/unsupported`, `disk/encrypted`.
 */
export function openDiskFiles(paths: readonly string[]): OpenDisk {
  const fds: number[] = [];
  const dispose = () => {
    for (const fd of fds) closeSync(fd);
  };
  try {
    const layers = paths.map((path) => {
      const fd = openForReading(path);
      fds.push(fd);
      const file = new FileReader(fd, path);
      return { file, format: guessImageFormat(file) };
    });
    return { disk: openImageChain(layers), [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
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
