import type { Milliseconds } from "@casemate/core";
import type { LuksKey } from "@casemate/formats/disk";
import type { Missed } from "./missed.ts";
import type { ScanUnits } from "./reuse/scan-units.ts";
import { runSections } from "./run-sections.ts";
import { ScanBudget } from "./scan-budget.ts";
import type { Found, Sections } from "./section.ts";
import type { Coverage } from "./system/coverage.ts";
import type { VolumeDescription } from "./system/describe-volume.ts";
import { describeSystem, openSystem } from "./system/open-system.ts";
import type { OsRelease } from "./system/os-release.ts";
import type { SystemDisk } from "./system/system-disk.ts";

/** What is on the disks of one system, and what of them could not be looked at. */
export interface SystemScan<Rows extends Record<keyof Rows, object>> {
  /** What the system says that it is; absent where no system is on the disks, or it says nothing. */
  readonly os?: OsRelease;
  readonly volumes: readonly VolumeDescription[];
  /** A section that is absent was not looked at. */
  readonly found: Found<Rows>;
  readonly missed: readonly Missed[];
  readonly coverage: Coverage;
}

export interface ScanOptions<Rows> {
  readonly budget: Milliseconds;
  /** The sections that are asked for; unless given, all but those on request. */
  readonly only?: readonly (keyof Rows)[] | undefined;
  /** Opens what is encrypted with LUKS; tried on each such volume. */
  readonly key?: LuksKey | undefined;
}

/**
 * Looks at the system on `disks` for what `sections` have. HOSTILE: the guest controls all of the disks.
 *
 * Never throws for what it meets on them: that is missed in the result.
 */
export function scanSystem<Rows extends Record<keyof Rows, object>>(
  disks: readonly SystemDisk[],
  sections: Sections<Rows>,
  { budget, ...options }: ScanOptions<Rows>,
): SystemScan<Rows> {
  return scanInUnits(disks, sections, { budget: new ScanBudget(budget), ...options });
}

export interface UnitScanOptions<Rows> extends Omit<ScanOptions<Rows>, "budget"> {
  readonly budget: ScanBudget;
  readonly units?: ScanUnits | undefined;
}

/** As `scanSystem`, its work done or taken from where it was done before as `units` say. */
export function scanInUnits<Rows extends Record<keyof Rows, object>>(
  disks: readonly SystemDisk[],
  sections: Sections<Rows>,
  { budget, only, key, units }: UnitScanOptions<Rows>,
): SystemScan<Rows> {
  const system = openSystem(disks, { budget, key, units });
  // Where no system is, nothing was looked at: "none found" would be a lie.
  if (system.mounted === undefined) return { ...describeSystem(system), found: {} };
  const { found, walked } = runSections(system.look, sections, { budget, only, units });
  return { ...describeSystem(system, walked), found };
}
