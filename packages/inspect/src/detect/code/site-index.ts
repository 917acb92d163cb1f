import type { CodeAddress } from "@casemate/formats/kernel-code";
import type { ExpectedCode } from "./expected-code.ts";
import type { PatchSites } from "./patch-sites.ts";

/** Why code may differ: what was laid over it when it started, or what switches it since. */
export type SiteKind = "boot patch" | "jump label" | "static call" | "traced function";

/** A piece of code that may be changed. */
export interface Site {
  readonly at: CodeAddress;
  readonly length: number;
  readonly kind: SiteKind;
}

const KINDS: readonly SiteKind[] = ["boot patch", "jump label", "static call", "traced function"];
/** No alternative is longer. */
const LONGEST = 255;
/** What makes code addresses positive, and the space of a length and a kind. */
const BIAS = 2 ** 31;
const SCALE = 2 ** 12;

/** Finds the site that an address is in; of several the one that is laid over the others. */
export class SiteIndex {
  /** Each site as one number, in order: its address, its length, its kind. */
  readonly #sites: Float64Array;

  /** @param code as its file has it: nothing is laid over it yet. */
  constructor(sites: PatchSites, code: ExpectedCode) {
    const { alternatives, paravirt, retpolines, returns, calls, endbrs } = sites;
    const { jumps, staticCalls, tracees } = sites;
    const lists = [alternatives, paravirt, retpolines, returns, calls, endbrs, jumps, staticCalls];
    const all = new Float64Array(
      lists.reduce((count, list) => count + list.length, tracees.length),
    );
    let count = 0;
    const add = (at: CodeAddress, length: number, kind: SiteKind) => {
      all[count] = (at + BIAS) * SCALE + length * KINDS.length + KINDS.indexOf(kind);
      count += 1;
    };
    for (const { at, length } of alternatives) add(at, length, "boot patch");
    for (const { at, length } of paravirt) add(at, length, "boot patch");
    for (const at of retpolines) add(at, branchLength(code, at), "boot patch");
    for (const at of returns) add(at, 5, "boot patch");
    for (const at of calls) add(at, 5, "boot patch");
    for (const at of endbrs) add(at, 4, "boot patch");
    for (const { at } of jumps) add(at, jumpLength(code, at), "jump label");
    for (const { at } of staticCalls) add(at, branchLength(code, at), "static call");
    for (const at of tracees) add(at, 5, "traced function");
    this.#sites = all.sort();
  }

  /** Sites that hold `address`, the longest first. */
  at(address: CodeAddress): readonly Site[] {
    let low = 0;
    let high = this.#sites.length;
    const after = (address + BIAS + 1) * SCALE;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sites[middle] ?? 0) < after) low = middle + 1;
      else high = middle;
    }
    const found: Site[] = [];
    for (let i = low - 1; i >= 0; i -= 1) {
      const site = this.#sites[i] ?? 0;
      const at = Math.floor(site / SCALE) - BIAS;
      if (address - at > LONGEST) break;
      const rest = site % SCALE;
      const length = Math.floor(rest / KINDS.length);
      const kind = KINDS[rest % KINDS.length];
      if (kind !== undefined && address < at + length) found.push({ at, length, kind });
    }
    return found.sort((one, other) => other.length - one.length);
  }
}

/** A switched jump has 8 or 32 bits of displacement, or is a no-op as long. */
export function jumpLength(code: ExpectedCode, at: CodeAddress): 2 | 5 {
  const first = code.u8(at);
  return first === 0xeb || (first === 0x66 && code.u8(at + 1) === 0x90) ? 2 : 5;
}

/** A call or jump with 32 bits of displacement, with a prefix or a condition. */
export function branchLength(code: ExpectedCode, at: CodeAddress): 5 | 6 {
  const first = code.u8(at);
  return first === 0x0f || first === 0x2e ? 6 : 5;
}
