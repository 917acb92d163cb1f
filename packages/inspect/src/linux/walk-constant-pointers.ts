import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { highHalf, lowHalf } from "../to-number.ts";
import { walkModules } from "./walk-modules.ts";

/** A pointer in memory that nothing changes once the kernel, or a module, has started. */
export interface ConstantPointer {
  readonly at: Gva;
  readonly target: Gva;
  /** `struct module` of the memory's owner; `undefined` in the kernel image. */
  readonly module: Gva | undefined;
}

/** How much is read at once, in bytes. */
const CHUNK = 256 * 1024;
/** HOSTILE: modules are a few MiB at most. */
const MAX_MODULE = 64 * 1024 * 1024;
/** The image and the modules are in the last 4 GiB. */
const HIGHEST = 0xffff_ffff;
/** `VMALLOC_SIZE_TB_L4`, by high halves; the part of a larger area (5 levels) that is in use is less. */
const VMALLOC_SIZE = 0x2000;
/** `MODULES_END` is 0xffffffffff000000. */
const MODULES_END = 0xff00_0000;
/** Where the kernel's own half of the address space begins, by the high half of an address. */
const KERNEL_HALF = 0xff00_0000;

/**
 * Words of the read-only data of the kernel image and of modules that may be addresses in the kernel, but
 * outside of its image: compilers and linkers put none there, and the few that are set while the kernel
 * starts point to data.
 */
export function* walkConstantPointers(kernel: KernelReader): Generator<ConstantPointer> {
  const ranges = codeRanges(kernel);
  const chunk = new Uint8Array(CHUNK);
  const scan = function* (start: Gva, size: number, module: Gva | undefined) {
    for (let done = 0; done < size; done += CHUNK) {
      const at = gva(start + BigInt(done));
      const length = Math.min(CHUNK, size - done) & ~7;
      kernel.memory.copyInto(chunk.subarray(0, length), at);
      const words = new Uint32Array(chunk.buffer, 0, length / 4);
      for (const i of findPointers(words, ranges)) {
        const target = gva((BigInt(words[i + 1] ?? 0) << 32n) | BigInt(words[i] ?? 0));
        yield { at: gva(at + BigInt(i * 4)), target, module };
      }
    }
  };
  for (const { start, end } of imageRanges(kernel)) {
    yield* scan(start, Number(end - start), undefined);
  }
  const rangesOf = moduleRanges(kernel);
  for (const module of walkModules(kernel)) {
    for (const { start, end } of rangesOf(module)) {
      const size = Math.max(0, Math.min(Number(end - start), MAX_MODULE));
      yield* kernel.attemptWalk(scan(gva(start), size, module), "data of a module", module);
    }
  }
}

/** Where code may be, by halves of addresses; what is first and last of each is part of it. */
interface CodeRanges {
  /** After the image, where modules are: the low half of addresses whose high half is `HIGHEST`. */
  readonly afterImage: number;
  /** High halves of addresses in the vmalloc area. */
  readonly vmallocFirst: number;
  readonly vmallocLast: number;
  /** High halves of addresses in the direct map of RAM. */
  readonly directFirst: number;
  readonly directLast: number;
}

/**
 * Indices of the words that pointers which may be to code begin with.
 *
 * Millions of words come by here: numbers at hand, and no call for each.
 */
function findPointers(words: Uint32Array, ranges: CodeRanges): readonly number[] {
  const { afterImage, vmallocFirst, vmallocLast, directFirst, directLast } = ranges;
  const found: number[] = [];
  for (let i = 1; i < words.length; i += 2) {
    const high = words[i] ?? 0;
    if (high < KERNEL_HALF) continue;
    if (high === HIGHEST) {
      const low = words[i - 1] ?? 0;
      if (low >= afterImage && low < MODULES_END) found.push(i - 1);
    } else if (
      (high >= vmallocFirst && high <= vmallocLast) ||
      (high >= directFirst && high <= directLast)
    ) {
      found.push(i - 1);
    }
  }
  return found;
}

function codeRanges(kernel: KernelReader): CodeRanges {
  const { textBase, imageSize, vmallocBase, directMapBase } = kernel.facts;
  const vmallocFirst = highHalf(vmallocBase);
  const directFirst = highHalf(directMapBase);
  const ram = kernel.memory.ranges.reduce((end, range) => Math.max(end, range.end), 0);
  return {
    afterImage: lowHalf(textBase) + imageSize,
    vmallocFirst,
    vmallocLast: vmallocFirst + VMALLOC_SIZE - 1,
    directFirst,
    directLast: directFirst + Math.ceil(ram / 2 ** 32),
  };
}

interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

/** The image's read-only data without its types and its symbols, which are numbers and text. */
function imageRanges(kernel: KernelReader): readonly { readonly start: Gva; readonly end: Gva }[] {
  const without = [
    ["__start_BTF", "__stop_BTF"],
    ["kallsyms_names", "kallsyms_markers"],
  ]
    .filter((names) => names.every((name) => kernel.hasSymbol(name)))
    .map(([start = "", end = ""]) => [kernel.symbol(start), kernel.symbol(end)] as const)
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  const ranges: { start: Gva; end: Gva }[] = [];
  let start = kernel.symbol("__start_rodata");
  for (const [from, to] of without) {
    if (from < start) continue;
    ranges.push({ start, end: from });
    start = gva((to + 7n) & ~7n);
  }
  ranges.push({ start, end: kernel.symbol("__end_rodata") });
  return ranges;
}

/** Where a module keeps what does not change. */
function moduleRanges(kernel: KernelReader): (module: Gva) => readonly Range[] {
  const type = kernel.struct("module");
  if (type.has("mem")) {
    const parts = ["MOD_RODATA", "MOD_RO_AFTER_INIT"].map((name) => {
      const index = kernel.constant(name) ?? 0;
      return [type.pointer(`mem[${index}].base`), type.number(`mem[${index}].size`)] as const;
    });
    return (module) =>
      parts.map(([base, size]) => {
        const start = base(module);
        return { start, end: start + BigInt(size(module)) };
      });
  }
  const base = type.pointer("core_layout.base");
  const text = type.number("core_layout.text_size");
  const constant = type.number("core_layout.ro_after_init_size");
  return (module) => {
    const start = base(module);
    return [{ start: start + BigInt(text(module)), end: start + BigInt(constant(module)) }];
  };
}
