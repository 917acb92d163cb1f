import { CasemateError, type Gva, gpa, gva } from "@casemate/core";
import type { BtfLocation } from "../btf/walk-btf.ts";
import { KernelMemory, type LinearMap } from "../memory/kernel-memory.ts";
import { PageOwners } from "../memory/page-owners.ts";
import { PageTables, type PagingLevels, UNMAPPED } from "../memory/page-tables.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { printable } from "../printable.ts";
import { Kernel } from "./kernel.ts";
import type { KernelFacts } from "./kernel-facts.ts";
import type { KernelProfile } from "./kernel-profile.ts";
import { pageLayout } from "./page-layout.ts";
import { parseBuildId } from "./parse-build-id.ts";

/** `__START_KERNEL_map` (arch/x86/include/asm/page_64_types.h). */
const START_KERNEL_MAP = 0xffff_ffff_8000_0000n;
/** Where `_text` is linked on x86-64: `__START_KERNEL_map` and CONFIG_PHYSICAL_START. */
const LINK_BASE = 0xffff_ffff_8100_0000n;
const MAX_IMAGE = 1024 * 1024 * 1024;
const MAX_NOTES = 64 * 1024;
const MAX_BANNER = 512;
const PROBE_STRIDE = 32 * 1024 * 1024;
const PAGE = 4096;
/** Entry 511 of the top page table maps the kernel image. */
const IMAGE_ENTRY = 511 * 8;
const LOW_MEMORY = 1024 * 1024;

/** What the reader of kernel metadata does not read. */
const INSTRUCTIONS = "the kernel's instructions";
const REFUSED = { kernel: undefined, process: "a process's memory", file: "a file's contents" };

/** Bases without KASLR of memory, by paging levels (Documentation/arch/x86/x86_64/mm.rst). */
const FIXED_BASES = {
  4: {
    direct: 0xffff_8880_0000_0000n,
    vmalloc: 0xffff_c900_0000_0000n,
    vmemmap: 0xffff_ea00_0000_0000n,
  },
  5: {
    direct: 0xff11_0000_0000_0000n,
    vmalloc: 0xffa0_0000_0000_0000n,
    vmemmap: 0xffd4_0000_0000_0000n,
  },
} as const;

/**
 * Opens the kernel whose BTF is at `location`, and believes it only if its own page tables, its banner and
 * its first task agree on where it is. Throws `kernel/damaged`, `kernel/unsupported`, `kernel/no-symbols`.
 */
export function openKernel(
  physical: PhysicalReader,
  location: BtfLocation,
  profile: KernelProfile,
  types: KernelFacts["types"] = "own",
): Kernel {
  const offsetOf = (...names: readonly string[]) => symbolOffset(profile, names);
  const physicalBase = location.start - offsetOf("__start_BTF");
  const imageSize = offsetOf("_end");
  if (imageSize <= 0 || imageSize > MAX_IMAGE || !physical.has(physicalBase, 1)) {
    throw damaged(`an image of ${imageSize} bytes at ${physicalBase}`, "one inside RAM");
  }
  // phys_base is what head_64.S found out: how far from its link address the kernel was loaded.
  const physBase = physical.u64(physicalBase + offsetOf("phys_base"));
  const textBase = gva(START_KERNEL_MAP + BigInt(physicalBase) - physBase);
  const at = (offset: number) => gva(textBase + BigInt(offset));

  const root = physicalBase + offsetOf("init_top_pgt", "swapper_pg_dir", "init_level4_pgt");
  const pageTables = probePaging(physical, root, [
    [at(offsetOf("__start_BTF")), location.start],
    [at(offsetOf("linux_banner")), physicalBase + offsetOf("linux_banner")],
    [at(offsetOf("init_task")), physicalBase + offsetOf("init_task")],
  ]);

  const base = (name: string, fixed: bigint) => {
    const place = profile.symbols.find(name);
    return gva(place === undefined ? fixed : physical.u64(physicalBase + place.offset));
  };
  const fixed = FIXED_BASES[pageTables.levels];
  const directMapBase = base("page_offset_base", fixed.direct);
  const image: LinearMap = { base: textBase, size: BigInt(imageSize), physical: physicalBase };
  const vmemmapBase = base("vmemmap_base", fixed.vmemmap);
  const pages = pageLayout(profile, vmemmapBase);
  const owners = pages === undefined ? undefined : new PageOwners(physical, pageTables, pages);
  const isText = textPages(profile, physicalBase);
  const memory = new KernelMemory(
    physical,
    pageTables,
    probeDirectMap(physical, pageTables, directMapBase),
    image,
    (frame) => (isText(frame) ? INSTRUCTIONS : REFUSED[owners?.ownerOf(frame) ?? "kernel"]),
  );

  const banner = memory.string(at(offsetOf("linux_banner")), MAX_BANNER).trimEnd();
  const release = /^Linux version (\S+)/.exec(banner)?.[1];
  if (release === undefined) {
    throw damaged(`the banner "${printable(banner.slice(0, 32))}"`, '"Linux version …"');
  }
  const comm = profile.layout("task_struct").place("comm").offset;
  const idle = memory.string(at(offsetOf("init_task") + comm), 16);
  if (!idle.startsWith("swapper")) {
    throw damaged(`a first task called "${printable(idle)}"`, '"swapper"');
  }

  const facts: KernelFacts = {
    banner,
    release,
    buildId: readBuildId(memory, profile, at),
    types,
    textBase,
    imageSize,
    physicalBase: gpa(physicalBase),
    kaslrOffset: Number(textBase - LINK_BASE),
    pagingLevels: pageTables.levels,
    pageTableRoot: gpa(root),
    directMapBase,
    vmallocBase: base("vmalloc_base", fixed.vmalloc),
    vmemmapBase,
  };
  return new Kernel(physical, memory, profile, facts, owners);
}

/**
 * Whether this is the kernel that runs: the page table in low memory that starts processors
 * (`trampoline_pgd`, arch/x86/realmode/init.c) maps the same kernel image. User space cannot write there.
 */
export function isRunning(physical: PhysicalReader, { pageTableRoot }: KernelFacts): boolean {
  const entry = physical.u64(pageTableRoot + IMAGE_ENTRY);
  for (let at = PAGE; at < LOW_MEMORY; at += PAGE) {
    if (physical.has(at, PAGE) && physical.u64(at + IMAGE_ENTRY) === entry) return true;
  }
  return false;
}

/** Whether a page holds the kernel's instructions; pages that hold some of them and some data are data. */
function textPages(profile: KernelProfile, physicalBase: number): (frame: number) => boolean {
  const start = profile.symbols.find("_stext") ?? profile.symbols.find("_text");
  const end = profile.symbols.find("_etext");
  if (start === undefined || end === undefined) return () => false;
  const first = Math.ceil((physicalBase + start.offset) / PAGE);
  const after = Math.floor((physicalBase + end.offset) / PAGE);
  return (frame) => frame >= first && frame < after;
}

function symbolOffset(profile: KernelProfile, names: readonly string[]): number {
  for (const name of names) {
    const place = profile.symbols.find(name);
    if (place !== undefined && !place.absolute) return place.offset;
  }
  throw new CasemateError(
    "kernel/no-symbols",
    `Cannot find ${names.join(" or ")}: the kernel's symbols do not have it, expected CONFIG_KALLSYMS_ALL.`,
  );
}

/** Page tables with 5 or 4 levels, whichever translate all of `known` rightly. */
function probePaging(
  physical: PhysicalReader,
  root: number,
  known: readonly (readonly [Gva, number])[],
): PageTables {
  for (const levels of [5, 4] as const satisfies readonly PagingLevels[]) {
    const tables = new PageTables(physical, root, levels);
    if (known.every(([virtual, at]) => tables.translate(virtual) === at)) return tables;
  }
  throw damaged(
    "page tables that do not map the kernel where it is",
    "tables of 4 or 5 levels that do",
  );
}

/**
 * The direct map, if the page tables bear it out all over RAM; else one of no size. Memory that firmware
 * keeps for itself is not mapped there, which does no harm; a page mapped elsewhere would.
 */
function probeDirectMap(physical: PhysicalReader, pageTables: PageTables, base: Gva): LinearMap {
  let mapped = 0;
  let strayed = 0;
  for (const range of physical.memory.ranges) {
    for (let at: number = range.start; at < range.end; at += PROBE_STRIDE) {
      const found = pageTables.translate(gva(base + BigInt(at)));
      if (found === at) mapped += 1;
      else if (found !== UNMAPPED) strayed += 1;
    }
  }
  const holds = mapped > 0 && strayed === 0;
  return { base, size: holds ? BigInt(physical.end) : 0n, physical: 0 };
}

function readBuildId(
  memory: KernelMemory,
  profile: KernelProfile,
  at: (offset: number) => Gva,
): string | undefined {
  const start = profile.symbols.find("__start_notes");
  const stop = profile.symbols.find("__stop_notes");
  if (start === undefined || stop === undefined) return undefined;
  const length = stop.offset - start.offset;
  if (length <= 0 || length > MAX_NOTES) return undefined;
  return parseBuildId(memory.bytes(at(start.offset), length));
}

function damaged(seen: string, needed: string): CasemateError {
  return new CasemateError(
    "kernel/damaged",
    `Cannot open the kernel: it has ${seen}, expected ${needed}.`,
  );
}
