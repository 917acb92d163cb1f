import { type CodeAddress, toCodeAddress } from "./code-address.ts";
import { type ElfSection, parseElfSections } from "./elf-sections.ts";
import { type KaslrRelocations, parseKaslrRelocations } from "./kaslr-relocations.ts";
import { unreadable } from "./kernel-image-error.ts";
import type { PlacedTable } from "./patch-tables.ts";
import { unpackKernel } from "./unpack-kernel.ts";

/** The instructions of a kernel image on a disk, and its sections, at the addresses it is linked at. */
export interface KernelCode {
  /** `_text` and what follows up to the end of the section. */
  readonly text: PlacedTable;
  readonly relocations: KaslrRelocations;
  /** A section by its name, `.altinstructions`. */
  section(name: string): PlacedTable | undefined;
  /** Names of its sections. */
  readonly sectionNames: readonly string[];
  /** The bytes of `[start, end)`, not copied; `undefined` where they are in no section. */
  between(start: CodeAddress, end: CodeAddress): PlacedTable | undefined;
}

/** Reads the code of a bzImage or vmlinux. HOSTILE: whoever could write the disk. Throws `disk/unsupported`. */
export function parseKernelCode(file: Buffer): KernelCode {
  const vmlinux = unpackKernel(file);
  const sections = new Map<string, PlacedTable>();
  let end = 0;
  for (const [name, section] of parseElfSections(vmlinux)) {
    const placed = place(section);
    if (placed !== undefined) sections.set(name, placed);
    end = Math.max(end, section.bytes.byteOffset - vmlinux.byteOffset + section.bytes.length);
  }
  const text = sections.get(".text");
  if (text === undefined) throw unreadable("no section .text", "a kernel with one");
  // Section headers follow the sections.
  const headersEnd = Number(vmlinux.readBigUInt64LE(40)) + vmlinux.readUInt16LE(60) * 64;
  return {
    text,
    relocations: parseKaslrRelocations(vmlinux, Math.max(end, headersEnd)),
    section: (name) => sections.get(name),
    sectionNames: [...sections.keys()],
    between: (start, end) => {
      for (const { address, bytes } of sections.values()) {
        if (start < address || end < start || end > address + bytes.length) continue;
        return { address: start, bytes: bytes.subarray(start - address, end - address) };
      }
      return undefined;
    },
  };
}

/** Sections that are not loaded have no address, per-CPU variables up to 6.14 one of their own. */
function place({ address, bytes }: ElfSection): PlacedTable | undefined {
  const at = toCodeAddress(address);
  return at === undefined ? undefined : { address: at, bytes };
}
