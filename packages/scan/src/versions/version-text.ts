/** Longer than any version that is meant; npm refuses longer ones, too (semver, MAX_LENGTH). */
export const MAX_VERSION_CHARACTERS = 256;

export const isLetter = (code: number) =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);

/** Decimal digits by their value, however many there are. */
export function compareDigits(a: string, b: string): number {
  const left = a.replace(/^0+/, "");
  const right = b.replace(/^0+/, "");
  return left.length - right.length || compareText(left, right);
}

/** By code units: what C's `strcmp` says of ASCII. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** As `compare` of a scheme does where at least one text is no version of it. */
export function compareOthers(a: unknown, b: unknown): number {
  return Number(a !== undefined) - Number(b !== undefined);
}
