import type { VersionScheme } from "./version-scheme.ts";
import {
  compareDigits,
  compareOthers,
  compareText,
  MAX_VERSION_CHARACTERS,
} from "./version-text.ts";

/** Versions as npm and Cargo order them (Semantic Versioning 2.0.0); a leading `v` is passed over, as npm does. */
export const semverVersions: VersionScheme = {
  isVersion: (text) => parse(text) !== undefined,
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (left === undefined || right === undefined) return compareOthers(left, right);
    for (let i = 0; i < 3; i += 1) {
      const difference = compareDigits(left.core[i] ?? "", right.core[i] ?? "");
      if (difference !== 0) return difference;
    }
    return comparePrerelease(left.prerelease, right.prerelease);
  },
};

interface Semver {
  readonly core: readonly string[];
  /** Empty for a release. */
  readonly prerelease: readonly string[];
}

const pattern =
  /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

function parse(text: string): Semver | undefined {
  if (text.length > MAX_VERSION_CHARACTERS) return undefined;
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, major = "", minor = "", patch = "", prerelease] = match;
  return { core: [major, minor, patch], prerelease: prerelease?.split(".") ?? [] };
}

/** Semantic Versioning 2.0.0, 11.3 and 11.4. */
function comparePrerelease(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return Number(a.length === 0) - Number(b.length === 0);
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const one = a[i] ?? "";
    const two = b[i] ?? "";
    const isNumber = /^\d+$/.test(one);
    if (isNumber !== /^\d+$/.test(two)) return isNumber ? -1 : 1;
    const difference = isNumber ? compareDigits(one, two) : compareText(one, two);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
