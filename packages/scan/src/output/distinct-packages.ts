import type { InstalledPackage } from "../packages/installed-package.ts";

/** A package that is installed, once or in several places. */
export interface DistinctPackage {
  readonly installed: InstalledPackage;
  /** The databases and artefacts that say so. */
  readonly from: ReadonlySet<string>;
}

/** Packages by their URL, each once: the same version of a library may lie in many directories. */
export function distinctPackages(
  packages: readonly InstalledPackage[],
): readonly DistinctPackage[] {
  const byUrl = new Map<string, { installed: InstalledPackage; from: Set<string> }>();
  for (const installed of packages) {
    const known = byUrl.get(installed.purl) ?? { installed, from: new Set() };
    known.from.add(installed.from);
    byUrl.set(installed.purl, known);
  }
  return [...byUrl.values()];
}
