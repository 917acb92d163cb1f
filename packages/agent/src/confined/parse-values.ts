import { isRecord, type Unfit } from "./parse-row.ts";

/** Longer texts are not what a confined process has to say. */
const MAX_TEXT = 64 * 1024;

/** Parses plain values of what a confined process answers. HOSTILE: it may be in a guest's hands. */
export interface ValueParser {
  record(value: unknown): Readonly<Record<string, unknown>>;
  list(value: unknown, most: number): readonly unknown[];
  text(value: unknown): string;
  /** Finite and not negative. */
  number(value: unknown): number;
  /** One of `words`. */
  word<const Word extends string>(value: unknown, words: readonly Word[]): Word;
}

/** A parser whose methods throw `unfit` for what is something else. */
export function parserThatThrows(unfit: Unfit): ValueParser {
  return {
    record(value) {
      if (!isRecord(value)) throw unfit("no object");
      return value;
    },
    list(value, most) {
      if (!Array.isArray(value) || value.length > most) throw unfit("no list, or one too long");
      return value;
    },
    text(value) {
      if (typeof value !== "string" || value.length > MAX_TEXT) throw unfit("no text");
      return value;
    },
    number(value) {
      if (typeof value !== "number" || !(value >= 0) || !Number.isFinite(value)) {
        throw unfit("no number");
      }
      return value;
    },
    word(value, words) {
      const word = words.find((each) => each === value);
      if (word === undefined) throw unfit(`none of ${words.join(", ")}`);
      return word;
    },
  };
}
