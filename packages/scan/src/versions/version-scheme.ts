import type { InstalledPackage } from "../packages/installed-package.ts";
import { apkVersions } from "./apk-versions.ts";
import { debVersions } from "./deb-versions.ts";
import { goVersions } from "./go-versions.ts";
import { pep440Versions } from "./pep440-versions.ts";
import { rpmVersions } from "./rpm-versions.ts";
import { semverVersions } from "./semver-versions.ts";

/** How an ecosystem orders its versions. */
export interface VersionScheme {
  /** Whether the text is a version here, and no longer than any that is meant. HOSTILE: text by guests and feeds. */
  isVersion(text: string): boolean;
  /** Negative, 0 or positive: `a` is older, the same or newer. Ask `isVersion` first: others have no order. */
  compare(a: string, b: string): number;
}

/** The scheme of each type of package URL. */
export const versionSchemes: Readonly<Record<InstalledPackage["type"], VersionScheme>> = {
  deb: debVersions,
  rpm: rpmVersions,
  apk: apkVersions,
  pypi: pep440Versions,
  npm: semverVersions,
  golang: goVersions,
  cargo: semverVersions,
};
