import type { VersionScheme } from "./version-scheme.ts";
import {
  compareDigits,
  compareOthers,
  compareText,
  MAX_VERSION_CHARACTERS,
} from "./version-text.ts";

/** Versions as rpm orders them (rpm-version(7)): `[epoch:]version[-release]`. */
export const rpmVersions: VersionScheme = {
  isVersion: (text) => parse(text) !== undefined,
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (left === undefined || right === undefined) return compareOthers(left, right);
    const difference =
      compareDigits(left.epoch, right.epoch) || comparePart(left.version, right.version);
    if (difference !== 0) return difference;
    // A version without a release comes before all with one.
    if (left.release === undefined || right.release === undefined) {
      return compareOthers(left.release, right.release);
    }
    return comparePart(left.release, right.release);
  },
};

interface RpmVersion {
  readonly epoch: string;
  readonly version: string;
  readonly release: string | undefined;
}

function parse(text: string): RpmVersion | undefined {
  if (text.length > MAX_VERSION_CHARACTERS || !/^[\x21-\x7e]+$/.test(text)) return undefined;
  const match = /^(?:(\d*):)?([^:-]+)(?:-([^:-]+))?$/.exec(text);
  if (match === null) return undefined;
  const [, epoch = "0", version = "", release] = match;
  return { epoch, version, release };
}

/**
 * rpmvercmp: segments of digits or of letters; what separates them counts nothing, but `~` comes before the
 * end and `^` after it, both before anything else.
 */
function comparePart(a: string, b: string): number {
  if (a === b) return 0;
  const left = segments(a);
  const right = segments(b);
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const one = left[i];
    const two = right[i];
    if (one === two) continue;
    if (one === "~" || two === "~") return one === "~" ? -1 : 1;
    if (one === undefined) return -1;
    if (two === undefined) return 1;
    if (one === "^" || two === "^") return one === "^" ? -1 : 1;
    const isNumber = /^\d/.test(one);
    // Digits are newer than letters.
    if (isNumber !== /^\d/.test(two)) return isNumber ? 1 : -1;
    const difference = isNumber ? compareDigits(one, two) : compareText(one, two);
    if (difference !== 0) return difference;
  }
  return 0;
}

const segments = (text: string): readonly string[] => text.match(/\d+|[A-Za-z]+|[~^]/g) ?? [];
