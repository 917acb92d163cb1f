import { CasemateError } from "@casemate/core";
import type { LuksKey } from "@casemate/formats/disk";
import { attempt } from "../attempt.ts";
import { freshUnits, type ScanUnits } from "../reuse/scan-units.ts";
import type { ScanBudget } from "../scan-budget.ts";
import { SystemLook } from "../system-look.ts";
import type { TreeCount } from "../walk-files.ts";
import { measureCoverage } from "./coverage.ts";
import { describeVolume } from "./describe-volume.ts";
import { findRoots, type SystemRoot } from "./find-root.ts";
import { findVolumes, type SystemVolume } from "./find-volumes.ts";
import { type MountedSystem, mountSystem } from "./mount-system.ts";
import { emptyTree } from "./no-system.ts";
import { readOsRelease } from "./os-release.ts";
import type { SystemDisk } from "./system-disk.ts";

/** The system that is on some disks, its tree mounted. */
export interface OpenedSystem {
  readonly look: SystemLook;
  readonly volumes: readonly SystemVolume[];
  /** `undefined` where none is on these disks, which is missed. */
  readonly mounted: MountedSystem | undefined;
}

export interface OpenOptions {
  readonly budget: ScanBudget;
  readonly key?: LuksKey | undefined;
  readonly units?: ScanUnits | undefined;
}

/** Finds the system on `disks`. What of them cannot be opened is missed in its look. */
export function openSystem(
  disks: readonly SystemDisk[],
  { budget, key, units = freshUnits }: OpenOptions,
): OpenedSystem {
  const volumes = units.open(() => findVolumes(disks, key));
  const { roots, mounted } = units.mount(
    () => findSystem(volumes),
    (system) => describeTree(system, volumes),
  );
  const [root, ...others] = roots;
  const look = new SystemLook(mounted?.files ?? emptyTree(), budget);
  if (root === undefined) look.miss("/", noSystem());
  for (const [path, problem] of mounted?.problems ?? []) look.miss(path, problem);
  for (const other of others) look.miss(describeVolume(other.volume).name, notScanned(other));
  return { look, volumes, mounted };
}

function findSystem(volumes: readonly SystemVolume[]) {
  const roots = findRoots(volumes);
  const [root] = roots;
  return { roots, mounted: root === undefined ? undefined : mountSystem(root, volumes) };
}

/** Which files are at which paths, as far as the volumes' own trees do not say it. */
function describeTree(
  { roots: [root], mounted }: ReturnType<typeof findSystem>,
  volumes: readonly SystemVolume[],
) {
  if (root === undefined || mounted === undefined) return undefined;
  const { directory, fstab, files } = root;
  return {
    root: [volumes.indexOf(root.volume), directory, files.volume.root.stat.inode],
    fstab: fstab.map(({ options, ...entry }) => ({ ...entry, options: [...options] })),
    paths: volumes.map((volume) => mounted.paths.get(volume) ?? []),
  };
}

/** What a system is, and what of it was looked at: asked at the end of looking. */
export function describeSystem({ look, volumes, mounted }: OpenedSystem, walked?: TreeCount) {
  const os = attempt(look, "os-release", () => readOsRelease(look));
  const described = volumes.map((volume) => describeVolume(volume, mounted?.paths.get(volume)));
  for (const [i, volume] of volumes.entries()) {
    const problem = volume.problem ?? incompleteJournal(volume);
    if (problem !== undefined) look.miss(described[i]?.name ?? "", problem);
  }
  return {
    ...(os === undefined ? {} : { os }),
    volumes: described,
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
