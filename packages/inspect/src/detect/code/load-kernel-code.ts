import {
  type CodeAddress,
  type KernelCode,
  type PlacedTable,
  parseAddresses,
  parseAlternatives,
  parseJumpTable,
  parseParavirtSites,
  parsePlaces,
  parseStaticCallSites,
} from "@casemate/formats/kernel-code";
import { type CodeSegment, ExpectedCode } from "./expected-code.ts";
import type { KernelState } from "./kernel-state.ts";
import { type LoadedCode, loadedCode } from "./loaded-code.ts";
import { type PatchSites, parseRuntimeConstants } from "./patch-sites.ts";

/** Sections of code that other code is patched with. */
const REPLACEMENTS = [".altinstr_replacement", ".altinstr_aux"];

/**
 * The kernel in `image` as this guest's processors and command line made it: moved to where it was loaded,
 * and patched. Throws `disk/unsupported`.
 */
export function loadKernelCode(image: KernelCode, state: KernelState): LoadedCode {
  const moved = (state.symbol("_text") ?? image.text.address) - image.text.address;
  const place = (table: PlacedTable): PlacedTable => {
    return { address: table.address + moved, bytes: table.bytes };
  };
  const section = (name: string) => {
    const found = image.section(name);
    return found === undefined ? undefined : place(found);
  };
  const between = (start: string, end: string) => {
    const [from, to] = [state.symbol(start), state.symbol(end)];
    if (from === undefined || to === undefined) return undefined;
    const found = image.between(from - moved, to - moved);
    return found === undefined ? undefined : place(found);
  };

  const segments: CodeSegment[] = [];
  for (const name of [".text", ...REPLACEMENTS]) {
    const found = image.section(name);
    if (found === undefined) continue;
    const bytes = new Uint8Array(found.bytes);
    relocate(bytes, found.address, image, moved);
    segments.push({ start: found.address + moved, bytes });
  }
  const code = new ExpectedCode(segments);
  const none = new Int32Array();
  const places = (name: string) => {
    const table = section(name);
    return table === undefined ? none : parsePlaces(table);
  };
  const alternatives = section(".altinstructions");
  const paravirt = section(".parainstructions");
  const jumps = between("__start___jump_table", "__stop___jump_table");
  const staticCalls = between("__start_static_call_sites", "__stop_static_call_sites");
  const tracees = between("__start_mcount_loc", "__stop_mcount_loc");
  const isCode = (at: CodeAddress, length: number) => code.has(at, length);
  const sites: PatchSites = {
    alternatives: alternatives === undefined ? [] : parseAlternatives(alternatives, isCode),
    retpolines: places(".retpoline_sites"),
    returns: places(".return_sites"),
    calls: places(".call_sites"),
    endbrs: places(".ibt_endbr_seal"),
    locks: places(".smp_locks"),
    otherLocks: new Int32Array(),
    paravirt:
      paravirt === undefined
        ? []
        : parseParavirtSites(paravirt).map((site) => ({ ...site, at: site.at + moved })),
    constants: image.sectionNames.flatMap((name) => parseRuntimeConstants(name, places)),
    jumps: jumps === undefined ? [] : parseJumpTable(jumps),
    staticCalls: staticCalls === undefined ? [] : parseStaticCallSites(staticCalls),
    tracees: tracees === undefined ? none : parseAddresses(tracees, moved),
  };
  return loadedCode(code, sites, state);
}

/** Adds how far the kernel was moved to the addresses in `bytes`, which are linked at `start`. */
function relocate(
  bytes: Uint8Array<ArrayBuffer>,
  start: CodeAddress,
  { relocations }: KernelCode,
  moved: number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const add = (places: Int32Array, distance: number) => {
    for (let i = firstFrom(places, start); i < places.length; i += 1) {
      const at = (places[i] ?? 0) - start;
      if (at + 4 > bytes.length) break;
      view.setInt32(at, view.getInt32(at, true) + distance, true);
    }
  };
  add(relocations.words, moved);
  // Addresses of the kernel all have the same upper half.
  add(relocations.quads, moved);
  add(relocations.inverse, -moved);
}

/** Index of the first of sorted `places` that is not before `start`. */
function firstFrom(places: Int32Array, start: CodeAddress): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle] ?? 0) < start) low = middle + 1;
    else high = middle;
  }
  return low;
}
