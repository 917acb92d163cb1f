import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { MiB } from "@casemate/core";
import type { Kernel } from "../src/index.ts";

// ELF gABI 4.1; Documentation/admin-guide/kdump/vmcoreinfo.rst.
const HEAD_BYTES = 8192;
const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const NOTE_AT = 512;
const PT_LOAD = 1;
const PT_NOTE = 4;
const ET_CORE = 4;
const EM_X86_64 = 62;
const NAME = Buffer.from("VMCOREINFO\0\0");

/**
 * Writes the raw dump as an ELF core that debuggers know as a Linux kernel's: with the note that the kernel
 * keeps for its crash dumps, the direct map and the kernel image.
 */
export function writeElfCore(kernel: Kernel, raw: string, core: string): void {
  const from = openSync(raw, "r");
  const to = openSync(core, "w");
  try {
    const { size } = fstatSync(from);
    writeSync(to, makeHead(kernel, size));
    const chunk = Buffer.alloc(4 * MiB);
    for (let count = readSync(from, chunk); count > 0; count = readSync(from, chunk)) {
      writeSync(to, chunk, 0, count);
    }
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

function makeHead(kernel: Kernel, size: number): Buffer {
  const { directMapBase, textBase, physicalBase, imageSize } = kernel.facts;
  const note = makeNote(readVmcoreinfo(kernel));
  const head = Buffer.alloc(HEAD_BYTES);
  head.write("\x7fELF\x02\x01\x01", "latin1");
  head.writeUInt16LE(ET_CORE, 16);
  head.writeUInt16LE(EM_X86_64, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(EHDR_BYTES), 32);
  head.writeUInt16LE(EHDR_BYTES, 52);
  head.writeUInt16LE(PHDR_BYTES, 54);
  const segments = [
    { type: PT_NOTE, offset: NOTE_AT, virtual: 0n, physical: 0, length: note.length },
    { type: PT_LOAD, offset: HEAD_BYTES, virtual: directMapBase, physical: 0, length: size },
    {
      type: PT_LOAD,
      offset: HEAD_BYTES + physicalBase,
      virtual: textBase,
      physical: physicalBase,
      length: imageSize,
    },
  ];
  head.writeUInt16LE(segments.length, 56);
  segments.forEach(({ type, offset, virtual, physical, length }, i) => {
    const at = EHDR_BYTES + i * PHDR_BYTES;
    head.writeUInt32LE(type, at);
    head.writeBigUInt64LE(BigInt(offset), at + 8);
    head.writeBigUInt64LE(virtual, at + 16);
    head.writeBigUInt64LE(BigInt(physical), at + 24);
    head.writeBigUInt64LE(BigInt(length), at + 32);
    head.writeBigUInt64LE(BigInt(length), at + 40);
  });
  note.copy(head, NOTE_AT);
  return head;
}

function makeNote(text: Uint8Array): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(NAME.length - 1, 0);
  header.writeUInt32LE(text.length, 4);
  return Buffer.concat([header, NAME, text, Buffer.alloc((4 - (text.length % 4)) % 4)]);
}

/** `vmcoreinfo_data`, which the kernel fills at boot. */
function readVmcoreinfo(kernel: Kernel): Uint8Array {
  const { value } = kernel.grant("kernelMetadata").look(({ kernel: reader }) => {
    const { memory } = reader;
    const length = Number(memory.u64(reader.symbol("vmcoreinfo_size")));
    return memory.bytes(memory.pointer(reader.symbol("vmcoreinfo_data")), length);
  });
  return value;
}
