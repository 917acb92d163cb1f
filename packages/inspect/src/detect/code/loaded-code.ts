import type { CodeAddress } from "@casemate/formats/kernel-code";
import { applyBootPatches, applyLocks } from "./apply-boot-patches.ts";
import { CodeSwitches } from "./code-switches.ts";
import type { ExpectedCode } from "./expected-code.ts";
import type { KernelState } from "./kernel-state.ts";
import { oneNoOperation } from "./no-operations.ts";
import type { PatchSites } from "./patch-sites.ts";
import { SiteIndex } from "./site-index.ts";

/** Code as it should be in a guest's memory, and where the guest may have changed it since it was loaded. */
export interface LoadedCode {
  readonly code: ExpectedCode;
  readonly index: SiteIndex;
  readonly switches: CodeSwitches;
  /** Constants that no variable holds, by what they are called: all of a name are the same. */
  readonly constants: ReadonlyMap<string, readonly CodeAddress[]>;
}

/** Does to `code`, which is as its file has it but at its place, what this guest does before the code runs. */
export function loadedCode(code: ExpectedCode, sites: PatchSites, state: KernelState): LoadedCode {
  const index = new SiteIndex(sites, code);
  const switches = new CodeSwitches(code, sites, state);
  applyBootPatches(code, sites, state);
  const untraced = oneNoOperation(state.nops, 5);
  for (const at of sites.tracees) code.write(at, untraced);
  applyLocks(code, sites, state);
  const constants = new Map<string, CodeAddress[]>();
  for (const { at, kind, name } of sites.constants) {
    if (kind !== "ptr" || state.symbol(name) !== undefined) continue;
    constants.set(name, [...(constants.get(name) ?? []), at]);
  }
  return { code, index, switches, constants };
}
