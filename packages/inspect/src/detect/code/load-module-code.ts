import type { Gva } from "@casemate/core";
import {
  type CodeAddress,
  type PlacedTable,
  parseAddresses,
  parseAlternatives,
  parseJumpTable,
  parseParavirtSites,
  parsePlaces,
  parseStaticCallSites,
  type RelocatableFile,
  type Relocation,
  SECTION_EXECUTED,
  SECTION_LOADED,
  toCodeAddress,
} from "@casemate/formats/kernel-code";
import { ExpectedCode } from "./expected-code.ts";
import type { KernelState } from "./kernel-state.ts";
import { type LoadedCode, loadedCode } from "./loaded-code.ts";
import { type PatchSites, parseRuntimeConstants } from "./patch-sites.ts";

/** A module as the guest has it. */
export interface LoadedModule {
  /** Where its code begins, and how many bytes it has with what follows up to the end of the page. */
  readonly start: CodeAddress;
  readonly length: number;
  /** Where its sections were loaded, by name. */
  readonly sections: ReadonlyMap<string, Gva>;
  /** Where its variables for each processor are. */
  readonly percpu: bigint;
  /** What the guest holds there. */
  readonly live: Uint8Array;
  /** Where another module has what it needs. */
  findSymbol(name: string): CodeAddress | undefined;
  /** The name of what begins at an address. */
  nameAt(address: Gva): string | undefined;
  /** Whether an address is in the module, or just behind a part of it. */
  isOwn(address: Gva): boolean;
}

/** `R_X86_64_*` (System V ABI for AMD64, 4.4.1), as modules have them. */
const ABSOLUTE_64 = 1;
const RELATIVE_32: ReadonlySet<number> = new Set([2, 4]);
const ABSOLUTE_32: ReadonlySet<number> = new Set([10, 11]);
const RELATIVE_64 = 24;
/** Symbols that are in no section. */
const SHN_LORESERVE = 0xff00;
const SHN_ABS = 0xfff1;
const PERCPU = ".data..percpu";
/** Tables that the guest may have given away are read as if they were there. */
const ANYWHERE: CodeAddress = -(2 ** 30);
const INT3 = 0xcc;

/**
 * The code of a module as it is once loaded at its place and patched: sections laid out and
 * relocations applied as the module loader does (kernel/module/main.c, arch/x86/kernel/module.c).
 *
 * HOSTILE: whoever could write the disk; what the guest says of the module. Throws `disk/unsupported`.
 */
export function loadModuleCode(
  object: RelocatableFile,
  module: LoadedModule,
  state: KernelState,
): LoadedCode {
  const layout = layOutCode(object);
  const addresses = object.sections.map(({ name }, i): CodeAddress | undefined => {
    const offset = layout.get(i);
    if (offset !== undefined) return module.start + offset;
    if (name === PERCPU) return Number(BigInt.asIntN(32, module.percpu));
    const loaded = module.sections.get(name);
    return loaded === undefined ? undefined : toCodeAddress(loaded);
  });
  const link = new Linker(object, addresses, module, state);

  const bytes = new Uint8Array(module.length).fill(fillOf(layout, object, module));
  for (const [i, offset] of layout) {
    const section = object.sections[i];
    if (section === undefined || offset + section.size > bytes.length) continue;
    bytes.set(section.bytes, offset);
    const part = bytes.subarray(offset, offset + section.size);
    link.relocate(i, part, module.start + offset, module.live.subarray(offset));
  }
  const code = new ExpectedCode([{ start: module.start, bytes }]);

  const table = (name: string): PlacedTable | undefined => {
    const i = object.sections.findIndex((section) => section.name === name);
    const section = object.sections[i];
    if (section === undefined || section.bytes.length === 0) return undefined;
    const address = addresses[i] ?? ANYWHERE;
    const copy = Buffer.from(section.bytes);
    link.relocate(i, copy, address);
    return { address, bytes: copy };
  };
  return loadedCode(code, parseSites(table, object, code, addresses, state), state);
}

function parseSites(
  table: (name: string) => PlacedTable | undefined,
  object: RelocatableFile,
  code: ExpectedCode,
  addresses: readonly (CodeAddress | undefined)[],
  state: KernelState,
): PatchSites {
  const none = new Int32Array();
  const inCode = (at: CodeAddress) => code.has(at, 1);
  const places = (name: string) => {
    const found = table(name);
    return found === undefined ? none : parsePlaces(found).filter(inCode);
  };
  const alternatives = table(".altinstructions");
  const paravirt = table(".parainstructions");
  const jumps = table("__jump_table");
  const staticCalls = table(".static_call_sites");
  const tracees = table("__mcount_loc") ?? table("__patchable_function_entries");
  const locks = places(".smp_locks");
  const text = object.sections.findIndex(({ name }) => name === ".text");
  const start = addresses[text] ?? 0;
  const end = start + (object.sections[text]?.size ?? 0);
  return {
    alternatives:
      alternatives === undefined
        ? []
        : parseAlternatives(alternatives, (at, length) => code.has(at, length)),
    retpolines: places(".retpoline_sites"),
    returns: places(".return_sites"),
    calls: places(".call_sites"),
    endbrs: places(".ibt_endbr_seal"),
    locks: locks.filter((at) => at >= start && at < end),
    otherLocks: locks.filter((at) => at < start || at >= end),
    paravirt: paravirt === undefined ? [] : parseParavirtSites(paravirt),
    constants: object.sections.flatMap(({ name }) => parseRuntimeConstants(name, places)),
    jumps: (jumps === undefined ? [] : parseJumpTable(jumps)).filter(({ at }) => inCode(at)),
    staticCalls: (staticCalls === undefined ? [] : parseStaticCallSites(staticCalls))
      .filter(({ at }) => inCode(at))
      .map((site) => ({ ...site, key: keyOf(site.key, state) })),
    tracees: tracees === undefined ? none : parseAddresses(tracees).filter(inCode),
  };
}

/** Modules know only the trampoline of some static calls: `tramp_key_lookup`. */
function keyOf(key: CodeAddress, state: KernelState): CodeAddress {
  const name = /^__SCT__(.+)$/.exec(state.functionAt(key) ?? "")?.[1];
  return (name === undefined ? undefined : state.symbol(`__SCK__${name}`)) ?? key;
}

/** `layout_sections`: where sections of code are, by their numbers, from the start of the module. */
function layOutCode({ sections }: RelocatableFile): ReadonlyMap<number, number> {
  const layout = new Map<number, number>();
  let end = 0;
  for (const [i, { name, flags, size, align }] of sections.entries()) {
    const isCode = (flags & SECTION_LOADED) !== 0 && (flags & SECTION_EXECUTED) !== 0;
    if (!isCode || name.startsWith(".init")) continue;
    const offset = Math.ceil(end / align) * align;
    layout.set(i, offset);
    end = offset + size;
  }
  return layout;
}

/** What is between sections and behind them: zeros, or since 6.13 breakpoints. */
function fillOf(
  layout: ReadonlyMap<number, number>,
  { sections }: RelocatableFile,
  { live }: LoadedModule,
): number {
  let end = 0;
  for (const [i, offset] of layout) end = Math.max(end, offset + (sections[i]?.size ?? 0));
  return live[end] === INT3 ? INT3 : 0;
}

/** Finds what relocations are about, and applies them: `apply_relocate_add`. */
class Linker {
  readonly #object: RelocatableFile;
  readonly #addresses: readonly (CodeAddress | undefined)[];
  readonly #module: LoadedModule;
  readonly #state: KernelState;
  readonly #foreign = new Map<string, CodeAddress | undefined>();

  constructor(
    object: RelocatableFile,
    addresses: readonly (CodeAddress | undefined)[],
    module: LoadedModule,
    state: KernelState,
  ) {
    this.#object = object;
    this.#addresses = addresses;
    this.#module = module;
    this.#state = state;
  }

  /** @param live what the guest holds there, to tell apart what has the same name. */
  relocate(section: number, bytes: Uint8Array, address: CodeAddress, live?: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const words = live && new DataView(live.buffer, live.byteOffset, live.byteLength);
    const seenAt = (offset: number) => {
      if (words === undefined || offset + 4 > words.byteLength) return undefined;
      // The operand of an instruction that was patched since tells nothing.
      const isPatched = offset > 0 && words.getUint8(offset - 1) !== view.getUint8(offset - 1);
      return isPatched ? undefined : words.getInt32(offset, true);
    };
    for (const relocation of this.#object.relocations(section)) {
      const { offset, type, addend } = relocation;
      const isWide = type === ABSOLUTE_64 || type === RELATIVE_64;
      if (offset < 0 || offset + (isWide ? 8 : 4) > bytes.length) continue;
      const isRelative = RELATIVE_32.has(type) || type === RELATIVE_64;
      if (!isRelative && !isWide && !ABSOLUTE_32.has(type)) continue;
      const base = addend - (isRelative ? address + offset : 0);
      const seen = seenAt(offset);
      const target = this.#resolve(relocation, seen === undefined ? undefined : (seen - base) | 0);
      const value = (target + base) | 0;
      view.setInt32(offset, value, true);
      if (isWide) view.setInt32(offset + 4, value < 0 ? -1 : 0, true);
    }
  }

  #resolve({ symbol: index }: Relocation, seen: CodeAddress | undefined): CodeAddress {
    const { name, section, value } = this.#object.symbol(index);
    if (section === SHN_ABS) return value | 0;
    if (section > 0 && section < SHN_LORESERVE) {
      const address = this.#addresses[section];
      if (address !== undefined || seen === undefined) return (address ?? 0) + value;
      // Of a section without a byte nobody keeps the address, nor does it matter.
      const isEmpty = this.#object.sections[section]?.size === 0;
      if (isEmpty && this.#module.isOwn(this.#state.gva(seen))) return seen;
      return value;
    }
    const known = this.#findForeign(name);
    if (seen === undefined || seen === known || seen >= 0) return known ?? 0;
    // Functions of different files may have the same name.
    return this.#module.nameAt(this.#state.gva(seen)) === name ? seen : (known ?? 0);
  }

  /** Where the kernel or another module has what this module needs. */
  #findForeign(name: string): CodeAddress | undefined {
    if (name === "") return undefined;
    if (!this.#foreign.has(name)) {
      const { kernel } = this.#state;
      // Variables of each processor have no address in the top 2 GiB, but theirs are of 32 bits as well.
      const found = kernel.hasSymbol(name)
        ? Number(BigInt.asIntN(32, kernel.symbol(name)))
        : this.#module.findSymbol(name);
      this.#foreign.set(name, found);
    }
    return this.#foreign.get(name);
  }
}
