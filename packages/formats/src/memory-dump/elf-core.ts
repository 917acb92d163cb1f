import { BinaryReader, CasemateError } from "@casemate/core";
import { arrangeSegments, type DumpSegment } from "./dump-segment.ts";

/** ELF gABI 4.1, Elf64_Ehdr and Elf64_Phdr. */
const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const ET_CORE = 4;
/** QEMU tells the mode the processor was in: a guest still in its firmware is no x86-64 yet. */
const MACHINES: readonly number[] = [3 /* EM_386 */, 62 /* EM_X86_64 */];
const PT_LOAD = 1;
const PN_XNUM = 0xffff;

/** Program headers read at most; what QEMU writes without paging has a handful. */
const MAX_SEGMENTS = 16_384;
/** Bytes from the start of the file that hold all headers this parser accepts. */
export const ELF_CORE_HEAD_BYTES = 1024 * 1024;

/** Physical addresses have at most 52 bits (Intel SDM vol. 3, 4.1.4). */
const MAX_PHYSICAL = 2n ** 52n;

/** Whether a file starts as an ELF file does. */
export const isElf = (head: Uint8Array): boolean =>
  head.length >= 4 && head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;

/**
 * The guest-physical memory in an ELF core of a guest, as `virsh dump --memory-only` and QEMU's
 * `dump-guest-memory` write it: `PT_LOAD` segments by `p_paddr`.
 *
 * `head` is the file's first `ELF_CORE_HEAD_BYTES`, or all of it. HOSTILE: whoever made the file.
 * Throws `dump/unknown-format` for another ELF file and `dump/truncated` where the headers end early.
 */
export function parseElfCore(head: Uint8Array): readonly DumpSegment[] {
  const reader = new BinaryReader(head, "an ELF core", "dump/truncated");
  reader.seek(4);
  expect("class", reader.u8("EI_CLASS"), ELFCLASS64);
  expect("byte order", reader.u8("EI_DATA"), ELFDATA2LSB);
  reader.seek(16);
  expect("type", reader.u16("e_type"), ET_CORE);
  const machine = reader.u16("e_machine");
  if (!MACHINES.includes(machine)) throw unknown(`machine ${machine}, expected 3 or 62`);
  const phoff = reader.seek(32).u64("e_phoff");
  const phentsize = reader.seek(54).u16("e_phentsize");
  const phnum = reader.u16("e_phnum");
  expect("program header size", phentsize, PHDR_BYTES);
  if (phnum === PN_XNUM || phnum > MAX_SEGMENTS) {
    throw unknown(`${phnum} program headers, expected at most ${MAX_SEGMENTS}`);
  }
  if (phoff < EHDR_BYTES || phoff > ELF_CORE_HEAD_BYTES) {
    throw unknown(`program headers at byte ${phoff}, expected them after the file header`);
  }
  const segments: DumpSegment[] = [];
  for (let i = 0; i < phnum; i += 1) {
    reader.seek(Number(phoff) + i * PHDR_BYTES);
    if (reader.u32("p_type") !== PT_LOAD) continue;
    const offset = reader.skip(4).u64("p_offset");
    const start = reader.skip(8).u64("p_paddr");
    const length = reader.u64("p_filesz");
    if (start + length > MAX_PHYSICAL || offset + length > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw unknown(`segment ${i} at 0x${start.toString(16)}, expected a physical address`);
    }
    const end = Number(start + length);
    segments.push({ start: Number(start), end, offset: Number(offset) });
  }
  const arranged = arrangeSegments(segments);
  if (arranged.length === 0) throw unknown("no memory, expected PT_LOAD segments");
  return arranged;
}

function expect(field: string, seen: number, needed: number): void {
  if (seen !== needed) throw unknown(`${field} ${seen}, expected ${needed}`);
}

function unknown(seen: string): CasemateError {
  return new CasemateError(
    "dump/unknown-format",
    `Cannot read an ELF file as a memory dump: ${seen} of a 64-bit core.`,
  );
}
