import type { VersionScheme } from "./version-scheme.ts";
import {
  compareDigits,
  compareOthers,
  compareText,
  MAX_VERSION_CHARACTERS,
} from "./version-text.ts";

/** Versions as apk orders them (apk-package(5)): `digits{.digits}{letter}{_suffix{digits}}{~hash}{-rN}`. */
export const apkVersions: VersionScheme = {
  isVersion: (text) => parse(text) !== undefined,
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (left === undefined || right === undefined) return compareOthers(left, right);
    return compareTokens(left, right);
  },
};

/** Kinds of token in the order they follow each other; of two versions that part ways, the lower goes on longer. */
const kinds = [
  "first",
  "number",
  "letter",
  "suffix",
  "suffixNumber",
  "hash",
  "revision",
  "end",
] as const;

interface Token {
  readonly kind: (typeof kinds)[number];
  readonly text: string;
}

/** What a suffix is worth: those below zero come before the version without any. */
const suffixes: Readonly<Record<string, number>> = {
  alpha: -4,
  beta: -3,
  pre: -2,
  rc: -1,
  cvs: 1,
  svn: 2,
  git: 3,
  hg: 4,
  p: 5,
};

const END: Token = { kind: "end", text: "" };

function parse(text: string): readonly Token[] | undefined {
  if (text.length > MAX_VERSION_CHARACTERS) return undefined;
  const match = /^(\d+)((?:\.\d+)*)([a-z]?)((?:_[a-z]+\d*)*)(?:~([0-9a-f]+))?(?:-r(\d+))?$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, first = "", numbers = "", letter = "", suffixText = "", hash, revision] = match;
  const tokens: Token[] = [{ kind: "first", text: first }];
  for (const [, number = ""] of numbers.matchAll(/\.(\d+)/g)) {
    tokens.push({ kind: "number", text: number });
  }
  if (letter !== "") tokens.push({ kind: "letter", text: letter });
  for (const [, suffix = "", number = ""] of suffixText.matchAll(/_([a-z]+)(\d*)/g)) {
    if (!Object.hasOwn(suffixes, suffix)) return undefined;
    tokens.push({ kind: "suffix", text: suffix });
    if (number !== "") tokens.push({ kind: "suffixNumber", text: number });
  }
  if (hash !== undefined) tokens.push({ kind: "hash", text: hash });
  if (revision !== undefined) tokens.push({ kind: "revision", text: revision });
  return tokens;
}

function compareTokens(left: readonly Token[], right: readonly Token[]): number {
  for (let i = 0; ; i += 1) {
    const one = left[i] ?? END;
    const two = right[i] ?? END;
    if (one.kind === two.kind) {
      if (one.kind === "end") return 0;
      const difference = compareToken(one, two);
      if (difference !== 0) return difference;
      continue;
    }
    if (isBefore(one)) return -1;
    if (isBefore(two)) return 1;
    return kinds.indexOf(two.kind) - kinds.indexOf(one.kind);
  }
}

const isBefore = ({ kind, text }: Token) => kind === "suffix" && (suffixes[text] ?? 0) < 0;

function compareToken({ kind, text }: Token, other: Token): number {
  switch (kind) {
    case "number":
      // As decimal fractions where one has a leading zero.
      return text.startsWith("0") || other.text.startsWith("0")
        ? compareText(text, other.text)
        : compareDigits(text, other.text);
    case "first":
    case "suffixNumber":
    case "revision":
      return compareDigits(text, other.text);
    case "suffix":
      return (suffixes[text] ?? 0) - (suffixes[other.text] ?? 0);
    case "letter":
    case "hash":
    case "end":
      return compareText(text, other.text);
  }
}
