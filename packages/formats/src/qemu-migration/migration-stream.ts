import { CasemateError } from "@casemate/core";
import type { ReadAt } from "../read-at.ts";
import { damaged, unsupported } from "./migration-error.ts";
import type { RamBlock } from "./ram-block.ts";
import { type RamSoFar, readRamSection } from "./ram-section.ts";
import { StreamCursor } from "./stream-cursor.ts";

/** QEMU 7.2, migration/savevm.h and savevm.c. */
const QEMU_VM_FILE_MAGIC = "QEVM";
const QEMU_VM_FILE_VERSION = 3;
const QEMU_VM_SECTION_START = 0x01;
const QEMU_VM_SECTION_PART = 0x02;
const QEMU_VM_SECTION_END = 0x03;
const QEMU_VM_SUBSECTION = 0x05;
const QEMU_VM_CONFIGURATION = 0x07;
const QEMU_VM_COMMAND = 0x08;
const QEMU_VM_SECTION_FOOTER = 0x7e;

const RAM_VERSION = 4;
const MAX_MACHINE_NAME = 256;
const MAX_CAPABILITIES = 64;

/** What of a guest a migration stream tells. */
export interface SavedRam {
  /** The machine type, `pc-q35-7.2`; QEMU before 2.4 did not tell. */
  readonly machine: string | undefined;
  readonly blocks: readonly RamBlock[];
}

/** Whether a file starts as a QEMU migration stream does. */
export const looksLikeMigration = (head: Uint8Array): boolean =>
  Buffer.from(head.subarray(0, 4)).toString("latin1") === QEMU_VM_FILE_MAGIC;

/**
 * Finds every page of RAM in a QEMU migration stream (`migrate "exec:cat > FILE"`, or what follows the
 * header of a VM that libvirt saved) that starts at byte `start` of a file of `size` bytes.
 *
 * One pass over the headers, up to where RAM ends; the devices' state behind it is not read. A page sent
 * again counts as sent last. HOSTILE: whoever made the file, and the guest, whose pages it holds; memory
 * is bounded by the file's size. Throws `dump/truncated`, `dump/unreadable`, `dump/unknown-format`.
 */
export function readMigrationStream(readAt: ReadAt, start: number, size: number): SavedRam {
  const cursor = new StreamCursor(readAt, start, size);
  const magic = cursor.text(QEMU_VM_FILE_MAGIC.length, "the magic");
  const version = cursor.u32("the version");
  if (magic !== QEMU_VM_FILE_MAGIC || version !== QEMU_VM_FILE_VERSION) {
    throw new CasemateError(
      "dump/unknown-format",
      `Cannot read a QEMU migration stream: it starts with ${JSON.stringify(magic)} and version ${version}, expected "${QEMU_VM_FILE_MAGIC}" and ${QEMU_VM_FILE_VERSION}.`,
    );
  }

  const ram: RamSoFar = { blocks: new Map(), last: undefined };
  let machine: string | undefined;
  let ramSection: number | undefined;
  for (;;) {
    const type = cursor.u8("a section type");
    switch (type) {
      case QEMU_VM_CONFIGURATION:
        machine = readConfiguration(cursor);
        break;
      case QEMU_VM_COMMAND:
        cursor.u16("a command");
        cursor.skip(cursor.u16("a command's length"), "a command");
        break;
      case QEMU_VM_SECTION_START:
        ramSection = readRamStart(cursor, ramSection);
        readRamSection(cursor, ram, size);
        readFooter(cursor, ramSection, size);
        break;
      case QEMU_VM_SECTION_PART:
      case QEMU_VM_SECTION_END: {
        const section = cursor.u32("a section id");
        if (section !== ramSection) throw damaged(`section ${section}`, "that of RAM");
        readRamSection(cursor, ram, size);
        if (type === QEMU_VM_SECTION_END) return { machine, blocks: [...ram.blocks.values()] };
        readFooter(cursor, ramSection, size);
        break;
      }
      default:
        throw unsupported(
          `a section of type ${type} at byte ${cursor.position - 1} before RAM ends`,
          "Save the VM without devices that migrate ahead of its RAM, such as virtio-mem.",
        );
    }
  }
}

/** `vmstate_configuration` (migration/savevm.c): the machine's name, and subsections that few streams have. */
function readConfiguration(cursor: StreamCursor): string {
  const length = cursor.u32("the length of the machine's name");
  if (length > MAX_MACHINE_NAME) throw damaged(`a machine name of ${length} bytes`, "a short one");
  const machine = cursor.text(length, "the machine's name");
  while (cursor.peek() === QEMU_VM_SUBSECTION) {
    cursor.u8("a subsection");
    const name = cursor.counted("a subsection's name");
    cursor.u32("a subsection's version");
    switch (name) {
      case "configuration/target-page-bits": {
        const bits = cursor.u32("target_page_bits");
        if (bits !== 12) throw unsupported(`pages of 2^${bits} bytes`, "Only x86-64 is read.");
        break;
      }
      case "configuration/capabilities":
        readCapabilities(cursor);
        break;
      case "configuration/uuid":
        cursor.skip(16, "the UUID");
        break;
      default:
        throw unsupported(`a subsection \`${name}\``, "Save the VM with default settings.");
    }
  }
  return machine;
}

/** Those of the capabilities that QEMU tells of all change how RAM is written. */
function readCapabilities(cursor: StreamCursor): void {
  const count = cursor.u32("the number of capabilities");
  if (count > MAX_CAPABILITIES) throw damaged(`${count} capabilities`, "a few");
  for (let i = 0; i < count; i += 1) {
    const name = cursor.counted("a capability");
    if (name === "mapped-ram") {
      throw unsupported(
        "RAM at fixed places of the file (capability mapped-ram)",
        'Save the VM with the capability off; for libvirt, set save_image_format = "raw".',
      );
    }
    if (name === "x-ignore-shared") {
      throw unsupported(
        "shared RAM left out (capability x-ignore-shared)",
        "Give the file behind the guest's shared RAM instead: it is a raw image.",
      );
    }
  }
}

/** The header of a section that starts; it must be RAM's, for others cannot be skipped. */
function readRamStart(cursor: StreamCursor, known: number | undefined): number {
  const section = cursor.u32("a section id");
  const name = cursor.counted("a section's name");
  cursor.u32("an instance id");
  const version = cursor.u32("a section's version");
  if (name !== "ram") {
    throw unsupported(
      `a section \`${name}\` ahead of RAM's end`,
      "Save the VM without block migration and without devices that migrate while it runs.",
    );
  }
  if (known !== undefined) throw damaged("RAM that starts twice", "once");
  if (version !== RAM_VERSION) throw damaged(`RAM of version ${version}`, `${RAM_VERSION}`);
  return section;
}

/** Machines since 2.4 close each section with its number. */
function readFooter(cursor: StreamCursor, section: number, size: number): void {
  if (cursor.position === size || cursor.peek() !== QEMU_VM_SECTION_FOOTER) return;
  cursor.u8("a footer");
  const closed = cursor.u32("a footer");
  if (closed !== section) throw damaged(`a footer of section ${closed}`, `one of ${section}`);
}
