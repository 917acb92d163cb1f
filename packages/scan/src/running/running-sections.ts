import type { Sections } from "../section.ts";
import { kernelStates } from "./kernel-states.ts";
import { outdatedPrograms } from "./outdated-programs.ts";
import { packageUses } from "./package-uses.ts";
import type { RunningMemory } from "./running-memory.ts";
import { type RunningRows, runningTables } from "./running-tables.ts";

/** What of the disks runs, by `memory` of the same system. */
export function runningSections(memory: RunningMemory): Sections<RunningRows> {
  const tables = runningTables;
  return {
    kernelStates: { ...tables.kernelStates, collectors: [kernelStates(memory)] },
    outdatedPrograms: { ...tables.outdatedPrograms, collectors: [outdatedPrograms(memory)] },
    packageUses: { ...tables.packageUses, surveys: [packageUses(memory)] },
  };
}
