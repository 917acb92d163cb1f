import { CasemateError } from "@casemate/core";
import type { Collector } from "../collector.ts";
import { type PackageManifest, readPackageManifest } from "../integrity/package-manifest.ts";
import type { Look } from "../look.ts";
import type { PackageType } from "../packages/installed-package.ts";
import { findOwner } from "./find-owner.ts";
import { MappedFiles } from "./mapped-files.ts";
import type { ProcessEvidence } from "./process-evidence.ts";
import type { RunningMemory } from "./running-memory.ts";

/**
 * A program or library that a process goes on running though its file was replaced or removed: the process
 * needs to be restarted. HOSTILE: the guest says it.
 */
export interface OutdatedProgram extends ProcessEvidence {
  readonly path: string;
  /** What is at the path now; `elsewhere`: it is on none of the system's own mounts, but in a container. */
  readonly now: "replaced" | "removed" | "unknown" | "elsewhere";
  /** The package that has the path by now; null where none has. */
  readonly package: string | null;
  readonly packageType: PackageType | null;
}

/** Made to be deleted: memory without a file, and code that just-in-time compilers write. */
const TEMPORARY = /^\/(?:memfd:|SYSV|dev\/|tmp\/|var\/tmp\/|run\/|anon_hugepage|i915|drm|\[aio\])/;

/** What processes run that is no more on the disks. */
export function outdatedPrograms(memory: RunningMemory): Collector<OutdatedProgram> {
  return {
    id: "outdatedPrograms/mappings",
    *collect(look) {
      const mapped = new MappedFiles(memory);
      const manifest = readPackageManifest(look);
      for (const mapping of memory.mappings.rows) {
        const { path, deleted, executable, pids } = mapping;
        if (!deleted || !executable || TEMPORARY.test(path)) continue;
        const found = findState(look, manifest, path, mapped.isOfSystem(mapping));
        for (const pid of pids) yield { ...mapped.witness.describe(pid), path, ...found };
      }
    },
  };
}

function findState(
  look: Look,
  manifest: PackageManifest,
  path: string,
  isOfSystem: boolean | undefined,
): Pick<OutdatedProgram, "now" | "package" | "packageType"> {
  if (isOfSystem === false) return { now: "elsewhere", package: null, packageType: null };
  const owner = findOwner(manifest, path);
  return {
    now: isOfSystem === undefined ? "unknown" : seeNow(look, path),
    package: owner?.package ?? null,
    packageType: owner?.packageType ?? null,
  };
}

function seeNow(look: Look, path: string): OutdatedProgram["now"] {
  try {
    look.files.stat(path);
    return "replaced";
  } catch (thrown) {
    if (!(thrown instanceof CasemateError) || thrown.code === "inspect/budget") throw thrown;
    if (thrown.code === "disk/not-found") return "removed";
    look.miss(path, thrown);
    return "unknown";
  }
}
