import type { InstalledPackage } from "../packages/installed-package.ts";

/** A package that is installed, once or in several places. */
export interface DistinctPackage {
  readonly installed: InstalledPackage;
  /** The databases and artefacts that say so. */
  readonly from: ReadonlySet<string>;
  /** The distribution's packages that brought some of them along. */
  readonly partOf: ReadonlySet<string>;
}

/** Packages by their URL, each once: the same version of a library may lie in many directories. */
export function distinctPackages(
  packages: readonly InstalledPackage[],
): readonly DistinctPackage[] {
  const byUrl = new Map<string, Merged>();
  for (const installed of packages) {
    const known: Merged = byUrl.get(installed.purl) ?? {
      installed,
      from: new Set(),
      partOf: new Set(),
    };
    known.from.add(installed.from);
    if (installed.partOf !== undefined) known.partOf.add(installed.partOf);
    byUrl.set(installed.purl, known);
  }
  return [...byUrl.values()];
}

interface Merged {
  readonly installed: InstalledPackage;
  readonly from: Set<string>;
  readonly partOf: Set<string>;
}
