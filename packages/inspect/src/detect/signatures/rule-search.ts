import { createHash } from "node:crypto";
import { toCasemateError } from "@casemate/core";
import type { Inspection } from "../detector.ts";
import type { SignatureMatch, SignatureMatcher } from "../signature-matcher.ts";

/** Bytes of something larger: of a process's memory, of a file. */
export interface MemoryRun {
  /** Where they begin in it, in bytes. */
  readonly offset: number;
  /** HOSTILE. */
  readonly bytes: Uint8Array;
}

/** A pattern that is somewhere, told without what is there. */
export interface PatternPlace {
  readonly pattern: string;
  readonly offset: number;
  readonly length: number;
  /** SHA-256 of the bytes, hexadecimal. */
  readonly digest: string;
}

/** A rule that something in memory matches, and where. */
export interface RuleHit {
  readonly rule: Omit<SignatureMatch, "found">;
  readonly places: readonly PatternPlace[];
}

type Known = Map<string, readonly SignatureMatch[]>;

interface Begun {
  readonly before: Known;
  readonly now: Known;
}

/** What looking at the clock once counts as: rules take long for what is one step. */
const CLOCK_STEPS = 256;
/** HOSTILE: of what matches everywhere so many places are told. */
const MAX_PLACES = 16;

/**
 * Puts memory to rules: bytes that were put to them in the last look, or in another process, are not again.
 */
export class RuleSearch {
  readonly #matcher: SignatureMatcher;
  readonly #inspection: Inspection;
  readonly #before: Known;
  readonly #now: Known;
  /** How many runs no result came of. */
  #failures = 0;

  constructor(matcher: SignatureMatcher, inspection: Inspection) {
    this.#matcher = matcher;
    this.#inspection = inspection;
    const { kept, sound } = inspection;
    const isSame = kept.get("rules") === matcher;
    const before = isSame ? (kept.get("matches") as Known) : new Map(); // set below
    // Looks for one verdict go on where the one before them ended.
    const begun = (sound.get("matches") as Begun | undefined) ?? { before, now: new Map() }; // set below
    sound.set("matches", begun);
    this.#before = begun.before;
    this.#now = begun.now;
    kept.set("rules", matcher);
    kept.set("matches", this.#now);
  }

  /**
   * As `search`, but memory that was searched for the same verdict, and in which nothing was found, is not
   * searched again.
   *
   * @param key of this memory in its present extent
   * @param runs tells how many pages are swapped out
   */
  searchOnce(
    { key, what, path }: { readonly key: string; readonly what: string; readonly path: string },
    runs: (missed: (pages: number) => void) => Iterable<MemoryRun>,
  ): readonly RuleHit[] {
    const { sound } = this.#inspection;
    if (sound.has(key)) return [];
    let unread = 0;
    const failures = this.#failures;
    const hits = this.search(
      what,
      path,
      runs((pages) => {
        unread += pages;
      }),
    );
    if (unread > 0) this.#inspection.missed(what, `${unread} of its pages are swapped out.`);
    else if (hits.length === 0 && this.#failures === failures) sound.set(key, true);
    return hits;
  }

  /**
   * The rules that any of the runs matches; runs that no result comes of are missed, as a part of `what`.
   *
   * @param path what rules are told as the file's path
   */
  search(what: string, path: string, runs: Iterable<MemoryRun>): readonly RuleHit[] {
    const found = new Map<string, { rule: SignatureMatch; places: Map<string, PatternPlace> }>();
    for (const { offset: start, bytes } of runs) {
      this.#inspection.budget.step(CLOCK_STEPS);
      for (const match of this.#match(what, path, bytes)) {
        const name = `${match.namespace}:${match.rule}`;
        const hit = found.get(name) ?? { rule: match, places: new Map() };
        found.set(name, hit);
        for (const { pattern, offset, length } of match.found) {
          if (hit.places.size >= MAX_PLACES) break;
          const seen = bytes.subarray(offset, offset + length);
          const place = { pattern, offset: start + offset, length, digest: sha256(seen) };
          // Runs overlap.
          hit.places.set(`${pattern} ${place.offset}`, place);
        }
      }
    }
    return [...found.values()].map(({ rule: { found: _, ...rule }, places }) => ({
      rule,
      places: [...places.values()],
    }));
  }

  #match(what: string, path: string, bytes: Uint8Array): readonly SignatureMatch[] {
    const key = `${sha256(bytes)} ${path}`;
    const known = this.#now.get(key) ?? this.#before.get(key);
    try {
      const matches = known ?? this.#matcher.match(path, bytes);
      this.#now.set(key, matches);
      return matches;
    } catch (thrown) {
      const { code, message } = toCasemateError(thrown);
      if (code !== "scan/unsupported") throw thrown;
      this.#failures += 1;
      this.#inspection.missed(what, message);
      return [];
    }
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
