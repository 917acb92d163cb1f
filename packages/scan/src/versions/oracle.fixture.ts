import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import type { VersionScheme } from "./version-scheme.ts";

/** Two versions to be compared. */
export type Pair = readonly [string, string];

/** What a program prints that reads `input`. */
export function run(program: string, args: readonly string[], input = ""): string {
  const done = spawnSync(program, args, { input, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  assert.equal(done.status, 0, `${program}: ${done.error?.message ?? done.stderr}`);
  return done.stdout;
}

/** Pairs that a scheme takes, near each other more often than not; the same in every run. */
export function samplePairs(
  scheme: VersionScheme,
  version: fc.Arbitrary<string>,
  count: number,
): readonly Pair[] {
  const near = fc
    .tuple(version, fc.nat(), fc.nat(), version)
    .map(([text, from, to, other]): Pair => {
      const start = from % (text.length + 1);
      return [text, text.slice(0, start) + other.slice(to % (other.length + 1))];
    });
  return fc
    .sample(fc.oneof(near, fc.tuple(version, version)), { numRuns: count * 3, seed: 20260101 })
    .filter(([a, b]) => scheme.isVersion(a) && scheme.isVersion(b))
    .slice(0, count);
}

/** Asserts that the scheme says of each pair what the oracle said, and the opposite the other way round. */
export function assertAgrees(
  scheme: VersionScheme,
  pairs: readonly Pair[],
  said: readonly number[],
): void {
  assert.equal(said.length, pairs.length);
  pairs.forEach(([a, b], i) => {
    assert.equal(Math.sign(scheme.compare(a, b)), said[i], `${a} and ${b}`);
    assert.equal(Math.sign(scheme.compare(b, a)), 0 - (said[i] ?? 0), `${b} and ${a}`);
  });
}

/** Numbers out of lines. */
export const numbersOf = (lines: string) => lines.trim().split(/\s+/).map(Number);
