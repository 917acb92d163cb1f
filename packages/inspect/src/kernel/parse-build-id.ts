import { BinaryReader } from "@casemate/core";

const NT_GNU_BUILD_ID = 3;
const HEADER_LENGTH = 12;

/** The build-id among ELF notes (elf(5), "Notes (Nhdr)"), in hexadecimal; `undefined` where none is. */
export function parseBuildId(notes: Uint8Array): string | undefined {
  const reader = new BinaryReader(notes, "the kernel's ELF notes", "kernel/damaged");
  while (reader.remaining >= HEADER_LENGTH) {
    const nameSize = reader.u32("n_namesz");
    const size = reader.u32("n_descsz");
    const type = reader.u32("n_type");
    // HOSTILE: a note that goes on after the end tells nothing more.
    if (padded(nameSize) + padded(size) > reader.remaining) return undefined;
    const name = reader.bytes("name", nameSize);
    reader.skip(padded(nameSize) - nameSize);
    const description = reader.bytes("desc", size);
    reader.skip(padded(size) - size);
    if (type === NT_GNU_BUILD_ID && Buffer.from(name).toString("latin1") === "GNU\0") {
      return Buffer.from(description).toString("hex");
    }
  }
  return undefined;
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}
