/** A version as its first two numbers. */
export type Version = readonly [major: number, minor: number];

/** Something that came with a version. */
export interface Feature {
  readonly since: Version;
  readonly what: string;
}

/** The first `N.N` in a text. */
export function parseVersion(text: string): Version | undefined {
  const match = /(\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

export const isBefore = (a: Version, b: Version): boolean =>
  a[0] !== b[0] ? a[0] < b[0] : a[1] < b[1];

/** What a version lacks, in words; the empty text when nothing. */
export function describeLacking(version: Version, features: readonly Feature[]): string {
  const lacking = features.filter(({ since }) => isBefore(version, since));
  const words = lacking.map(({ since, what }) => `${what} (since ${since.join(".")})`);
  return words.length === 0 ? "" : `; lacks ${words.join(", ")}`;
}
