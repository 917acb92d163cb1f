import { CasemateError } from "@casemate/core";
import { Btf } from "../btf/btf.ts";
import { BtfKind } from "../btf/btf-kind.ts";
import { StructLayout } from "../btf/struct-layout.ts";
import type { BtfLocation } from "../btf/walk-btf.ts";
import type { Budget } from "../budget.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { findKallsyms } from "../symbols/find-kallsyms.ts";
import type { KallsymsBlob } from "../symbols/parse-kallsyms.ts";
import { SymbolTable } from "../symbols/symbol-table.ts";

/** The kernel's largest structs are below a megabyte. */
const MAX_STRUCT = 16 * 1024 * 1024;

/**
 * What is the same in every guest that runs one kernel build: its types and its symbols.
 *
 * It keeps the bytes it was made from, because a guest says which build it runs and guests lie: a profile
 * is used for a guest only if that guest's memory holds the very same bytes.
 */
export class KernelProfile {
  readonly btf: Btf;
  readonly symbols: SymbolTable;
  readonly #btfBytes: Uint8Array;
  readonly #kallsyms: KallsymsBlob;
  readonly #btfAt: number;
  readonly #layouts = new Map<string, StructLayout | undefined>();

  private constructor(btfBytes: Uint8Array<ArrayBuffer>, kallsyms: KallsymsBlob, btfAt: number) {
    this.btf = Btf.parse(btfBytes);
    this.symbols = new SymbolTable(kallsyms);
    this.#btfBytes = btfBytes;
    this.#kallsyms = kallsyms;
    this.#btfAt = btfAt;
  }

  /** Reads the build of the kernel whose BTF is at `location`. Throws `kernel/no-symbols`, `kernel/damaged`. */
  static read(physical: PhysicalReader, location: BtfLocation, budget: Budget): KernelProfile {
    const btf = physical.copy(location.start, location.length);
    return KernelProfile.readWith(btf, physical, location, budget);
  }

  /** As `read`, with the types of a kernel that has none (any more) at `location`, where its BTF would be. */
  static readWith(
    btf: Uint8Array<ArrayBuffer>,
    physical: PhysicalReader,
    location: BtfLocation,
    budget: Budget,
  ): KernelProfile {
    const kallsyms = findKallsyms(physical, location.start, budget);
    if (kallsyms === undefined) {
      throw new CasemateError(
        "kernel/no-symbols",
        `Cannot find the kernel's symbols in ${physical.memory.description}: no kallsyms tables are near its BTF, expected them before it.`,
      );
    }
    return new KernelProfile(btf, kallsyms, location.start);
  }

  /** Whether the kernel whose BTF is at `location` is this very build, byte by byte. */
  matches(physical: PhysicalReader, location: BtfLocation): boolean {
    return (
      location.length === this.#btfBytes.length &&
      physical.equals(location.start, this.#btfBytes) &&
      this.#hasSymbols(physical, location.start)
    );
  }

  /**
   * Where the BTF of this build would be in the kernel image at `image`, if that has the very symbols of
   * this build; its BTF is not looked at. Another build has its symbols elsewhere.
   */
  locate(physical: PhysicalReader, image: number): BtfLocation | undefined {
    const start = image + (this.symbols.find("__start_BTF")?.offset ?? 0);
    return this.#hasSymbols(physical, start) ? { start, length: this.#btfBytes.length } : undefined;
  }

  #hasSymbols(physical: PhysicalReader, btf: number): boolean {
    const { names, namesAt, offsets, offsetsAt, tokenTable, tokenTableAt } = this.#kallsyms;
    const moved = btf - this.#btfAt;
    return (
      physical.equals(tokenTableAt + moved, tokenTable) &&
      physical.equals(namesAt + moved, names) &&
      physical.equals(
        offsetsAt + moved,
        new Uint8Array(offsets.buffer, offsets.byteOffset, offsets.byteLength),
      )
    );
  }

  hasType(name: string): boolean {
    return this.#layout(name) !== undefined;
  }

  /** The struct or union called `name`, or the one a typedef of that name stands for. Throws `kernel/unsupported`. */
  layout(name: string): StructLayout {
    const layout = this.#layout(name);
    if (layout === undefined) {
      throw new CasemateError(
        "kernel/unsupported",
        `Cannot read ${name}: the kernel's BTF has no such struct, expected one.`,
      );
    }
    return layout;
  }

  /** The struct without a name whose members include `members`, shown as `name`. */
  anonymousLayout(name: string, ...members: readonly string[]): StructLayout | undefined {
    if (!this.#layouts.has(name)) {
      const id = this.btf.findAnonymous(...members);
      this.#layouts.set(name, id === undefined ? undefined : new StructLayout(this.btf, id, name));
    }
    return this.#layouts.get(name);
  }

  #layout(name: string): StructLayout | undefined {
    if (!this.#layouts.has(name)) this.#layouts.set(name, this.#find(name));
    return this.#layouts.get(name);
  }

  #find(name: string): StructLayout | undefined {
    const tagged = this.btf.find(name, BtfKind.struct, BtfKind.union);
    const id = tagged ?? this.btf.find(name, BtfKind.typedef);
    if (id === undefined) return undefined;
    const stripped = this.btf.strip(id);
    const kind = this.btf.kind(stripped);
    if (kind !== BtfKind.struct && kind !== BtfKind.union) return undefined;
    const layout = new StructLayout(this.btf, stripped, name);
    // HOSTILE: a size that nothing can be divided by, or that no struct has.
    return layout.size > 0 && layout.size <= MAX_STRUCT ? layout : undefined;
  }
}
