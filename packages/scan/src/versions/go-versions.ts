import { semverVersions } from "./semver-versions.ts";
import type { VersionScheme } from "./version-scheme.ts";

/**
 * Versions of Go modules and of Go itself (golang.org/x/mod/semver, go/version): semantic versions with or
 * without their `v`, shortened ones, `go1.22rc1`.
 */
export const goVersions: VersionScheme = {
  isVersion: (text) => semverVersions.isVersion(asSemver(text)),
  compare: (a, b) => semverVersions.compare(asSemver(a), asSemver(b)),
};

/** `v1` → `1.0.0`, `go1.22rc1` → `1.22.0-rc.1`; what has neither form stays as it is. */
function asSemver(text: string): string {
  if (text.length > 64) return text; // no short form is that long
  const match = /^(?:v|go)?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:(alpha|beta|rc)(\d+))?$/.exec(text);
  if (match === null) return text;
  const [, major, minor = "0", patch = "0", stage, number] = match;
  return `${major}.${minor}.${patch}${stage === undefined ? "" : `-${stage}.${number}`}`;
}
