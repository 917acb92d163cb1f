import type { VersionScheme } from "./version-scheme.ts";
import { isLetter, MAX_VERSION_CHARACTERS } from "./version-text.ts";

/** dpkg keeps the epoch in an int. */
const MAX_EPOCH = 2 ** 31 - 1;

/** Versions as dpkg orders them (deb-version(7)): `[epoch:]upstream[-revision]`. */
export const debVersions: VersionScheme = {
  isVersion(text) {
    if (text.length > MAX_VERSION_CHARACTERS || !/^[0-9A-Za-z.+~:-]+$/.test(text)) return false;
    const colon = text.indexOf(":");
    if (colon !== -1 && !(/^\d+:/.test(text) && epochOf(text, colon) <= MAX_EPOCH)) return false;
    const hyphen = text.lastIndexOf("-");
    const hasUpstream = (hyphen === -1 ? text.length : hyphen) > colon + 1;
    const revision = hyphen === -1 ? "0" : text.slice(hyphen + 1);
    return hasUpstream && revision !== "" && !revision.includes(":");
  },
  // Called millions of times in a row: nothing is copied out of the texts.
  compare(a, b) {
    if (a === b) return 0;
    const colonA = a.indexOf(":");
    const colonB = b.indexOf(":");
    if (colonA !== -1 || colonB !== -1) {
      const difference = epochOf(a, colonA) - epochOf(b, colonB);
      if (difference !== 0) return difference;
    }
    const hyphenA = a.lastIndexOf("-");
    const hyphenB = b.lastIndexOf("-");
    const endA = hyphenA === -1 ? a.length : hyphenA;
    const endB = hyphenB === -1 ? b.length : hyphenB;
    return (
      comparePart(a, colonA + 1, endA, b, colonB + 1, endB) ||
      comparePart(a, endA + 1, a.length, b, endB + 1, b.length)
    );
  },
};

const epochOf = (text: string, colon: number) => (colon === -1 ? 0 : Number(text.slice(0, colon)));

/** deb-version(7), "Sorting algorithm": by turns what is not digits, by weight, and digits, by value. */
function comparePart(
  a: string,
  startA: number,
  endA: number,
  b: string,
  startB: number,
  endB: number,
): number {
  let i = startA;
  let j = startB;
  while (i < endA || j < endB) {
    while ((i < endA && !isDigitAt(a, i, endA)) || (j < endB && !isDigitAt(b, j, endB))) {
      const difference = weigh(a, i, endA) - weigh(b, j, endB);
      if (difference !== 0) return difference;
      i += 1;
      j += 1;
    }
    while (i < endA && a.charCodeAt(i) === ZERO) i += 1;
    while (j < endB && b.charCodeAt(j) === ZERO) j += 1;
    let first = 0;
    while (isDigitAt(a, i, endA) && isDigitAt(b, j, endB)) {
      if (first === 0) first = a.charCodeAt(i) - b.charCodeAt(j);
      i += 1;
      j += 1;
    }
    // The longer number is the greater, whatever its first digits.
    if (isDigitAt(a, i, endA)) return 1;
    if (isDigitAt(b, j, endB)) return -1;
    if (first !== 0) return first;
  }
  return 0;
}

const ZERO = 0x30;
const NINE = 0x39;
const TILDE = 0x7e;

function isDigitAt(text: string, at: number, end: number): boolean {
  if (at >= end) return false;
  const code = text.charCodeAt(at);
  return code >= ZERO && code <= NINE;
}

/** `~` before the end, the end as digits are, letters before all else. */
function weigh(text: string, at: number, end: number): number {
  if (at >= end || isDigitAt(text, at, end)) return 0;
  const code = text.charCodeAt(at);
  if (code === TILDE) return -1;
  return isLetter(code) ? code : code + 256;
}
