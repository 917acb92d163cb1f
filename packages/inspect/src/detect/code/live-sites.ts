import type { Gva } from "@casemate/core";
import {
  type PlacedTable,
  parseJumpTable,
  parseStaticCallSites,
  toCodeAddress,
} from "@casemate/formats/kernel-code";
import { walkTracees } from "../../linux/walk-tracees.ts";
import type { KernelState } from "./kernel-state.ts";
import type { PatchSites } from "./patch-sites.ts";

/** Where the tables are that the kernel keeps of what it switches in some code, and how many bytes they have. */
export interface SwitchTables {
  readonly jumps: TableRange | undefined;
  readonly staticCalls: TableRange | undefined;
}

interface TableRange {
  readonly start: Gva;
  readonly length: number;
}

/** HOSTILE: Debian's largest have some hundred KiB. */
const MAX_TABLE = 8 * 1024 * 1024;
const JUMP_ENTRY = 16;
const STATIC_CALL_SITE = 8;

/**
 * What is known in memory of the places that a kernel changes in the code of `[start, end)` while it runs. Of
 * what it was patched with when it was loaded nothing is kept.
 */
export function liveSites(
  state: KernelState,
  { jumps, staticCalls }: SwitchTables,
  start: Gva,
  end: Gva,
): PatchSites {
  const none = new Int32Array();
  const from = toCodeAddress(start) ?? 0;
  const inCode = ({ at }: { readonly at: number }) => at >= from && at < from + Number(end - start);
  const jumpTable = readTable(state, jumps);
  const callTable = readTable(state, staticCalls);
  const tracees = [...walkTracees(state.kernel, start, end)].map((at) => toCodeAddress(at) ?? 0);
  return {
    ...{ alternatives: [], paravirt: [], constants: [] },
    ...{
      retpolines: none,
      returns: none,
      calls: none,
      endbrs: none,
      locks: none,
      otherLocks: none,
    },
    jumps: jumpTable === undefined ? [] : parseJumpTable(jumpTable).filter(inCode),
    staticCalls: callTable === undefined ? [] : parseStaticCallSites(callTable).filter(inCode),
    tracees: Int32Array.from(tracees),
  };
}

/** The tables of the kernel image. */
export function kernelTables({ kernel }: KernelState): SwitchTables {
  const between = (from: string, to: string): TableRange | undefined => {
    if (!kernel.hasSymbol(from) || !kernel.hasSymbol(to)) return undefined;
    const start = kernel.symbol(from);
    return { start, length: Number(kernel.symbol(to) - start) };
  };
  return {
    jumps: between("__start___jump_table", "__stop___jump_table"),
    staticCalls: between("__start_static_call_sites", "__stop_static_call_sites"),
  };
}

/** The tables of the `struct module` at `module`. */
export function moduleTables({ kernel }: KernelState, module: Gva): SwitchTables {
  const type = kernel.struct("module");
  const table = (start: string, count: string, size: number): TableRange | undefined =>
    type.has(start) && type.has(count)
      ? { start: type.pointer(start)(module), length: type.number(count)(module) * size }
      : undefined;
  return {
    jumps: table("jump_entries", "num_jump_entries", JUMP_ENTRY),
    staticCalls: table("static_call_sites", "num_static_call_sites", STATIC_CALL_SITE),
  };
}

function readTable(state: KernelState, range: TableRange | undefined): PlacedTable | undefined {
  const address = range && toCodeAddress(range.start);
  if (range === undefined || address === undefined) return undefined;
  const length = Math.min(Math.max(range.length, 0), MAX_TABLE);
  const { memory } = state.kernel;
  return { address, bytes: Buffer.from(memory.bytes(range.start, length)) };
}
