import { type ElfSection, parseElfSections } from "./elf-sections.ts";
import { unreadable } from "./kernel-image-error.ts";
import { unpackKernel } from "./unpack-kernel.ts";

/** `linux_banner` is a constant of the kernel: this, to its newline. */
const BANNER = Buffer.from("Linux version ");
const MAX_BANNER = 512;

/** Bytes of a kernel image and how far they are from its `_text`, which no KASLR changes. */
export interface PlacedBytes {
  readonly offset: number;
  readonly bytes: Buffer<ArrayBuffer>;
}

/** What a kernel image on a disk tells of the kernel that it boots. HOSTILE: whoever could write the disk. */
export interface KernelImage {
  /** Its types. */
  readonly btf: PlacedBytes;
  /** Its ELF notes, the build-id among them. */
  readonly notes: PlacedBytes;
  /** `linux_banner`, with its newline. */
  readonly banner: PlacedBytes;
}

/**
 * The types of a kernel, and by what to know it again, out of a bzImage or a vmlinux; takes 0.2 to 3 s and
 * up to 250 MiB while it runs. Throws `disk/unsupported`.
 */
export function parseKernelImage(file: Buffer): KernelImage {
  const sections = parseElfSections(unpackKernel(file));
  const section = (name: string): ElfSection => {
    const found = sections.get(name);
    if (found !== undefined && found.bytes.length > 0) return found;
    throw unreadable(`no section ${name}`, "a kernel with one");
  };
  const base = section(".text").address;
  const rodata = section(".rodata");
  const start = rodata.bytes.indexOf(BANNER);
  const end = rodata.bytes.indexOf("\n", Math.max(start, 0)) + 1;
  if (start < 0 || end <= start || end - start > MAX_BANNER) {
    throw unreadable("no banner in .rodata", "linux_banner");
  }
  const banner = {
    address: rodata.address + BigInt(start),
    bytes: rodata.bytes.subarray(start, end),
  };
  return {
    btf: place(section(".BTF"), base),
    notes: place(section(".notes"), base),
    banner: place(banner, base),
  };
}

/** Copied, so that the whole kernel need not be kept for it. */
function place({ address, bytes }: ElfSection, base: bigint): PlacedBytes {
  return { offset: Number(address - base), bytes: Buffer.from(bytes) };
}
