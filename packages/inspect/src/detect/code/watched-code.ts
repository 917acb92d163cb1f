import type { CodeAddress } from "@casemate/formats/kernel-code";
import { CodeLook } from "./code-look.ts";
import type { CodeSwitches, StrayCall } from "./code-switches.ts";
import { branchTarget, CALL, encodeBranch, JMP } from "./encode-branch.ts";
import type { ExpectedCode } from "./expected-code.ts";
import { isDataAddress } from "./is-data-address.ts";
import type { KernelState } from "./kernel-state.ts";
import type { LoadedCode } from "./loaded-code.ts";
import { noOperations } from "./no-operations.ts";
import { sameInstructions } from "./same-instructions.ts";
import type { Site, SiteIndex } from "./site-index.ts";

/** Code that is not what it should be. */
export interface Deviation {
  readonly at: CodeAddress;
  readonly expected: Uint8Array;
  readonly seen: Uint8Array;
  /** The kind of place it is at, where code may change in some ways but not in this one. */
  readonly site: Site["kind"] | "kernel probe" | undefined;
}

/** Code is compared at once; where it differs, in pieces of so many bytes. */
const PIECE = 4096;
/** No site is longer; code around a piece that sites of it may reach into. */
const MARGIN = 256;
/** Bytes that are equal between others that differ are part of the same deviation. */
const GAP = 4;
const INT3 = 0xcc;
/** HOSTILE: whoever overwrites all of it is found as well by a part of it. */
const MAX_DEVIATIONS = 256;

/**
 * Code of a guest that is compared with what it should be, again and again: what was found to be sound is
 * expected from then on, so that only what changed is looked at.
 */
export class WatchedCode {
  readonly start: CodeAddress;
  readonly length: number;
  readonly #code: ExpectedCode;
  readonly #expected: Uint8Array;
  readonly #index: SiteIndex;
  readonly #switches: CodeSwitches;
  readonly #constants: LoadedCode["constants"];
  /** Functions that are traced, and by whom they were when that was found sound. */
  readonly #traced = new Set<CodeAddress>();
  #tracers = "";
  #hasConstants = false;

  /** @param length how many bytes of the first segment are compared, from `start` on. */
  constructor(
    { code, index, switches, constants }: LoadedCode,
    start: CodeAddress,
    length: number,
  ) {
    this.start = start;
    this.length = length;
    this.#code = code;
    this.#expected = code.bytes(start, length);
    this.#index = index;
    this.#switches = switches;
    this.#constants = constants;
  }

  /** `length` bytes of what is expected at `at`. */
  expected(at: CodeAddress, length: number): Uint8Array {
    return this.#code.bytes(at, length);
  }

  /** Static calls that lead to what is no function, as of the last check. */
  strayCalls(state: KernelState): readonly StrayCall[] {
    return this.#switches.strayCalls(state);
  }

  /** Where `live`, which is what the guest holds, differs from what it may hold. */
  check(live: Uint8Array, state: KernelState): readonly Deviation[] {
    this.#switches.update(state);
    const look = new CodeLook(state);
    if (this.#traced.size > 0 && look.ftrace.signature !== this.#tracers) this.#forgetTraced(state);
    const deviations: Deviation[] = [];
    if (Buffer.compare(live, this.#expected) === 0) return deviations;
    this.#acceptConstants(live);
    for (let from = 0; from < this.length; from += PIECE) {
      const end = Math.min(from + PIECE, this.length);
      const piece = live.subarray(from, end);
      if (Buffer.compare(piece, this.#expected.subarray(from, end)) === 0) continue;
      const start = Math.max(from - MARGIN, 0);
      // Copied: what is judged must not change meanwhile.
      const copy = live.slice(start, Math.min(end + MARGIN, this.length));
      this.#judge(copy, start, from, end, look, deviations);
      if (deviations.length >= MAX_DEVIATIONS) break;
    }
    return deviations;
  }

  /** Looks at every difference in `[from, end)`; `copy` is what the guest holds from `start` on. */
  #judge(
    copy: Uint8Array,
    start: number,
    from: number,
    end: number,
    look: CodeLook,
    deviations: Deviation[],
  ): void {
    const expected = this.#expected;
    for (let offset = from; offset < end; ) {
      if (copy[offset - start] === expected[offset]) {
        offset += 1;
        continue;
      }
      const at = this.start + offset;
      const seen = (place: CodeAddress, length: number) => {
        const first = place - this.start - start;
        return copy.subarray(Math.max(first, 0), first + length);
      };
      const { length, site } = this.#accept(at, seen, look);
      if (length > 0) {
        offset = Math.max(offset, at - this.start) + length;
        continue;
      }
      const deviation = this.#deviationAt(offset, copy, start, site);
      deviations.push(deviation);
      if (deviations.length >= MAX_DEVIATIONS) return;
      offset = deviation.at - this.start + deviation.seen.length;
    }
  }

  /**
   * How many bytes from `at` on are as they may be though they differ from what was expected; 0 for none,
   * and then what kind of place it is.
   */
  #accept(
    at: CodeAddress,
    seen: (at: CodeAddress, length: number) => Uint8Array,
    look: CodeLook,
  ): { readonly length: number; readonly site?: Deviation["site"] } {
    const probed = this.#acceptProbe(at, seen, look);
    if (probed > 0) return { length: probed };
    const sites = this.#index.at(at);
    for (const site of sites) {
      const now = seen(site.at, site.length);
      if (now.length !== site.length || !this.#code.has(site.at, site.length)) continue;
      if (!this.#isAllowed(site, now, look)) continue;
      this.#code.write(site.at, now);
      return { length: site.at + site.length - at };
    }
    const call = this.#acceptTrampoline(at, seen, look);
    return call > 0 ? { length: call } : { length: 0, site: sites[0]?.kind };
  }

  #isAllowed(site: Site, now: Uint8Array, look: CodeLook): boolean {
    if (site.kind === "traced function") {
      const target = now[0] === CALL ? branchTarget(now, site.at) : undefined;
      if (target !== undefined) {
        if (!look.ftrace.allows(look.state.gva(site.at), look.state.gva(target))) return false;
        this.#traced.add(site.at);
        this.#tracers = look.ftrace.signature;
        return true;
      }
      return sameInstructions(noOperations(look.state.nops, 5), now, site.at);
    }
    const expected = this.#code.bytes(site.at, site.length);
    return (
      sameInstructions(expected, now, site.at) ||
      look.isThroughThunk(expected, now, site.at) ||
      // Static calls of nothing that were written before the kernel chose how to return stay as they were.
      (site.kind === "static call" &&
        look.isReturn(expected, site.at) &&
        look.isReturn(now, site.at))
    );
  }

  /** Takes constants that only the start of the kernel knew from the guest, where all of a name are one address. */
  #acceptConstants(live: Uint8Array): void {
    if (this.#hasConstants) return;
    this.#hasConstants = true;
    for (const all of this.#constants.values()) {
      // Others were only for the start.
      const places = all.filter((at) => at >= this.start && at + 8 <= this.start + this.length);
      const values = places.map((at) =>
        Buffer.from(live.subarray(at - this.start, at - this.start + 8)),
      );
      const [value] = values;
      if (value?.length !== 8 || !values.every((each) => each.equals(value))) continue;
      if (!isDataAddress(value.readBigUInt64LE())) continue;
      for (const at of places) this.#code.write(at, value);
    }
  }

  /** A breakpoint, or a jump over up to 5 bytes, of a registered kprobe. */
  #acceptProbe(
    at: CodeAddress,
    seen: (at: CodeAddress, length: number) => Uint8Array,
    look: CodeLook,
  ): number {
    for (let place = at; place > at - 5; place -= 1) {
      const slot = look.detours.get(place);
      if (slot === undefined) continue;
      if (slot === 0) return place === at && seen(at, 1)[0] === INT3 ? 1 : 0;
      const jump = encodeBranch(JMP, place, slot);
      return Buffer.compare(jump, seen(place, 5)) === 0 ? place + 5 - at : 0;
    }
    return 0;
  }

  /** Code that is written anew while it runs, and that only its name tells. */
  #acceptTrampoline(
    at: CodeAddress,
    seen: (at: CodeAddress, length: number) => Uint8Array,
    look: CodeLook,
  ): number {
    const { state } = look;
    const symbol = state.symbolize(state.gva(at));
    if (symbol === undefined || symbol.offset >= 5) return 0;
    const start = at - symbol.offset;
    const now = seen(start, 5);
    const end = symbol.offset === 0 ? 5 : 5 - symbol.offset;
    const staticCall = /^__SCT__(.+)$/.exec(symbol.name)?.[1];
    if (staticCall !== undefined) {
      const name = `__SCK__${staticCall}`;
      const key = symbol.module === undefined ? state.symbol(name) : state.moduleSymbol(name);
      if (key === undefined) return 0;
      this.#switches.addTrampoline(start, key, state);
      this.#switches.update(state);
      const expected = this.#code.bytes(start, 5);
      const isAsKeySays =
        sameInstructions(expected, now, start) ||
        (look.isReturn(expected, start) && look.isReturn(now, start));
      if (isAsKeySays) this.#code.write(start, now);
      return isAsKeySays ? end : 0;
    }
    const target = branchTarget(now, start);
    if (target === undefined) return 0;
    const isFtrace = /^ftrace_(regs_)?call$|^ftrace_graph_call$/.test(symbol.name);
    if (isFtrace && (look.ftrace.isTracer(state.gva(target)) || look.isGraphCaller(target))) {
      return end;
    }
    const dispatcher = /^(bpf_dispatcher_\w+)_func$/.exec(symbol.name)?.[1];
    if (dispatcher !== undefined && look.isDispatcher(dispatcher, target)) return end;
    return 0;
  }

  #deviationAt(
    offset: number,
    copy: Uint8Array,
    start: number,
    site: Deviation["site"],
  ): Deviation {
    const expected = this.#expected;
    let end = offset + 1;
    for (let next = end; next < end + GAP && next - start < copy.length; next += 1) {
      if (copy[next - start] !== expected[next]) end = next + 1;
    }
    return {
      at: this.start + offset,
      expected: expected.slice(offset, end),
      seen: copy.slice(offset - start, end - start),
      site,
    };
  }

  #forgetTraced(state: KernelState): void {
    const nothing = noOperations(state.nops, 5);
    for (const at of this.#traced) this.#code.write(at, nothing);
    this.#traced.clear();
  }
}
