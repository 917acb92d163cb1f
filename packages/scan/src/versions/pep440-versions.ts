import type { VersionScheme } from "./version-scheme.ts";
import {
  compareDigits,
  compareOthers,
  compareText,
  MAX_VERSION_CHARACTERS,
} from "./version-text.ts";

/** Versions as Python orders them (PEP 440, now the specification "Version specifiers"). */
export const pep440Versions: VersionScheme = {
  isVersion: (text) => parse(text) !== undefined,
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (left === undefined || right === undefined) return compareOthers(left, right);
    return (
      compareDigits(left.epoch, right.epoch) ||
      compareRelease(left.release, right.release) ||
      compareStage(left.stage, right.stage) ||
      comparePost(left.post, right.post) ||
      compareDev(left.dev, right.dev) ||
      compareLocal(left.local, right.local)
    );
  },
};

interface PythonVersion {
  readonly epoch: string;
  /** Without the zeros at its end. */
  readonly release: readonly string[];
  /** Pre-release: how far, and which; 0 for a development release before any, 4 for none. */
  readonly stage: { readonly order: number; readonly number: string };
  readonly post: string | undefined;
  readonly dev: string | undefined;
  readonly local: readonly string[];
}

/** PEP 440, appendix B: what is accepted, with the spellings that normalization makes one of. */
const pattern =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?(?:(-)(\d+)|[-_.]?(?:post|rev|r)([-_.]?)(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/;

const stages: Readonly<Record<string, number>> = {
  a: 1,
  alpha: 1,
  b: 2,
  beta: 2,
  c: 3,
  rc: 3,
  pre: 3,
  preview: 3,
};

function parse(text: string): PythonVersion | undefined {
  if (text.length > MAX_VERSION_CHARACTERS) return undefined;
  const match = pattern.exec(text.trim().toLowerCase());
  if (match === null) return undefined;
  const [, epoch = "0", release = "", stage, stageNumber = ""] = match;
  const [postHyphen, postImplied, postWord, postNumber = "", devWord, devNumber = "", local] =
    match.slice(5);
  const post =
    postHyphen !== undefined ? postImplied : postWord === undefined ? undefined : postNumber || "0";
  const dev = devWord === undefined ? undefined : devNumber || "0";
  const order =
    stage !== undefined ? (stages[stage] ?? 0) : post === undefined && dev !== undefined ? 0 : 4;
  return {
    epoch,
    release: withoutZeros(release.split(".")),
    stage: { order, number: stageNumber },
    post,
    dev,
    local: local?.split(/[-_.]/) ?? [],
  };
}

function withoutZeros(release: readonly string[]): readonly string[] {
  return release.slice(0, release.findLastIndex((part) => !/^0+$/.test(part)) + 1);
}

function compareRelease(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = compareDigits(a[i] ?? "", b[i] ?? "");
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareStage(a: PythonVersion["stage"], b: PythonVersion["stage"]): number {
  return a.order - b.order || compareDigits(a.number, b.number);
}

/** A release comes before its post-releases. */
function comparePost(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return compareOthers(a, b);
  return compareDigits(a, b);
}

/** A release comes after its development releases. */
function compareDev(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return compareOthers(b, a);
  return compareDigits(a, b);
}

/** PEP 440, "Local version identifiers": numbers after words, more segments after fewer. */
function compareLocal(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const one = a[i] ?? "";
    const two = b[i] ?? "";
    const isNumber = /^\d+$/.test(one);
    if (isNumber !== /^\d+$/.test(two)) return isNumber ? 1 : -1;
    const difference = isNumber ? compareDigits(one, two) : compareText(one, two);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
