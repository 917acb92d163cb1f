import { versionSchemes } from "../versions/version-scheme.ts";
import type { InstalledPackage } from "./installed-package.ts";

/** Negative where the version of `before` is older; `undefined` where one of them is no version. */
export function orderPackages(
  before: InstalledPackage,
  after: InstalledPackage,
): number | undefined {
  const scheme = versionSchemes[after.type];
  if (!scheme.isVersion(before.version) || !scheme.isVersion(after.version)) return undefined;
  return scheme.compare(before.version, after.version);
}
