import { CasemateError, type Milliseconds } from "@casemate/core";
import type { LuksKey } from "@casemate/formats/disk";
import { attempt } from "./attempt.ts";
import type { Missed } from "./missed.ts";
import { runSections } from "./run-sections.ts";
import { ScanBudget } from "./scan-budget.ts";
import type { Found, Sections } from "./section.ts";
import { type Coverage, measureCoverage } from "./system/coverage.ts";
import { describeVolume, type VolumeDescription } from "./system/describe-volume.ts";
import { findRoots, type SystemRoot } from "./system/find-root.ts";
import { findVolumes, type SystemVolume } from "./system/find-volumes.ts";
import { mountSystem } from "./system/mount-system.ts";
import { emptyTree } from "./system/no-system.ts";
import { type OsRelease, readOsRelease } from "./system/os-release.ts";
import type { SystemDisk } from "./system/system-disk.ts";
import { SystemLook } from "./system-look.ts";

/** What is on the disks of one system, and what of them could not be looked at. */
export interface SystemScan<Rows extends Record<keyof Rows, object>> {
  /** What the system says that it is; absent where no system is on the disks, or it says nothing. */
  readonly os?: OsRelease;
  readonly volumes: readonly VolumeDescription[];
  readonly found: Found<Rows>;
  readonly missed: readonly Missed[];
  readonly coverage: Coverage;
}

export interface ScanOptions<Rows> {
  readonly budget: Milliseconds;
  /** The sections that are asked for; all unless given. */
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
  { budget: limit, only, key }: ScanOptions<Rows>,
): SystemScan<Rows> {
  const budget = new ScanBudget(limit);
  const volumes = findVolumes(disks, key);
  const [root, ...others] = findRoots(volumes);
  const system = root === undefined ? undefined : mountSystem(root, volumes);
  const look = new SystemLook(system?.files ?? emptyTree(), budget);
  if (root === undefined) look.miss("/", noSystem());
  for (const [path, problem] of system?.problems ?? []) look.miss(path, problem);
  for (const other of others) look.miss(describeVolume(other.volume).name, notScanned(other));
  const { found, walked } = runSections(look, sections, { budget, only });
  const os = attempt(look, "os-release", () => readOsRelease(look));
  const described = volumes.map((volume) => describeVolume(volume, system?.paths.get(volume)));
  for (const [i, volume] of volumes.entries()) {
    const problem = volume.problem ?? incompleteJournal(volume);
    if (problem !== undefined) look.miss(described[i]?.name ?? "", problem);
  }
  return {
    ...(os === undefined ? {} : { os }),
    volumes: described,
    found,
    missed: look.missed,
    coverage: measureCoverage(described, walked),
  };
}

function noSystem(): CasemateError {
  return new CasemateError(
    "disk/not-found",
    "Cannot look into the system: none is on these disks, expected an /etc with an os-release.",
  );
}

function notScanned({ directory }: SystemRoot): CasemateError {
  return new CasemateError(
    "disk/unsupported",
    `Cannot scan the system in ${directory} of this volume: another one is scanned, expected one.`,
  );
}

/** The newest changes of a volume that was in use, where they are in its journal and nowhere else. */
function incompleteJournal({ files }: SystemVolume): CasemateError | undefined {
  const journal = files?.volume.journal;
  if (journal?.state !== "incomplete") return undefined;
  return new CasemateError(
    "disk/damaged",
    `Cannot see the newest changes of this volume: ${journal.reason}, expected a whole journal.`,
  );
}
