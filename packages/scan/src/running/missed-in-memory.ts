import type { Missed } from "../missed.ts";
import type { MemoryRows, RunningMemory } from "./running-memory.ts";

/** What of memory could not be looked at: part of the result of a scan that was held against it. */
export function missedInMemory(memory: RunningMemory): readonly Missed[] {
  const looks: Readonly<Record<string, MemoryRows<unknown>>> = { ...memory };
  return Object.entries(looks).flatMap(([name, { gaps }]) =>
    gaps.map(({ code, reason }) => ({ what: `memory/${name}`, code, reason })),
  );
}
