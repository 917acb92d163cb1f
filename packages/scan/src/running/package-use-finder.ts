import type { InstalledPackage } from "../packages/installed-package.ts";
import type { PackageUse, PackageUseState } from "./package-use.ts";

/** A finding's package, as `VulnerabilityFinding` has it. */
export interface UsedPackage {
  readonly type: InstalledPackage["type"];
  readonly package: string;
}

/** Answers for each finding whether its package runs; made once for many findings. */
export function packageUseFinder(
  uses: readonly PackageUse[],
): (of: UsedPackage) => PackageUseState {
  const byPackage = new Map(uses.map((use) => [keyOf(use), use]));
  return (of) => {
    const { package: _name, type: _type, ...state } = byPackage.get(keyOf(of)) ?? unlisted(of);
    return state;
  };
}

function unlisted({ type, package: name }: UsedPackage): PackageUse {
  const reason = "No list of its files was read.";
  return { type, package: name, state: "unknown", reason };
}

const keyOf = ({ type, package: name }: UsedPackage): string => `${type} ${name}`;
