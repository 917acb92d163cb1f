import { closeSync, fstatSync } from "node:fs";
import { CasemateError, type PhysicalMemory } from "@casemate/core";
import { openSavedVmFile } from "@casemate/formats/memory-images";
import { CopyingMemory } from "../copying-memory.ts";
import { readFileAt, readInto } from "./read-file-at.ts";

const PAGE = 4096;

/**
 * The guest memory in a VM that libvirt saved (`virsh save`, `virsh managedsave`, an external memory
 * snapshot) uncompressed, or in a QEMU migration stream in a file.
 *
 * Owns `fd` once it returns; where it throws, the caller closes. Reads all headers of the file first: half
 * a second for each GiB. Throws `dump/truncated`, `dump/unreadable`, `dump/unknown-format`.
 */
export async function openSavedVm(fd: number, path: string): Promise<PhysicalMemory> {
  const pieces = openSavedVmFile(readFileAt(fd, path), fstatSync(fd).size);
  return new CopyingMemory({
    description: path,
    pieces,
    live: false,
    fill(number, address, target) {
      const piece = pieces[number];
      if (piece === undefined) return;
      const offset = piece.offset + (address - piece.start);
      for (let at = 0; at < target.length; at += PAGE) {
        const page = target.subarray(at, at + PAGE);
        const place = piece.block.placeOf(offset + at);
        switch (place.kind) {
          case "filled":
            page.fill(place.fill);
            break;
          case "stored":
            if (readInto(fd, path, place.offset, page) < PAGE) throw cutShort(path, place.offset);
            break;
        }
      }
    },
    close: () => closeSync(fd),
  });
}

function cutShort(path: string, offset: number): CasemateError {
  return new CasemateError(
    "dump/truncated",
    `Cannot read memory image ${path}: it was cut short since it was opened, expected a page at byte ${offset}.`,
  );
}
