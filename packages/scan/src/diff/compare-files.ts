import { CasemateError } from "@casemate/core";
import type { FileNode } from "@casemate/formats/disk";
import type { Look } from "../look.ts";
import type { ScanBudget } from "../scan-budget.ts";
import { WalkedFile } from "../walked-file.ts";
import { describeFile } from "./describe-file.ts";
import type { FileAspect, FileChange } from "./file-change.ts";
import { findRenames, type LoneFile } from "./find-renames.ts";
import { ReadTrace, TRACE_BYTES } from "./read-trace.ts";
import { type FilePair, walkPairs } from "./walk-pairs.ts";

/** HOSTILE: of a system that was made anew every file is another. */
const MAX_CHANGES = 250_000;

export interface CompareOptions {
  readonly budget: ScanBudget;
  /** What the images of both are read through: what is at the same place of the same image is not read. */
  readonly trace?: ReadTrace | undefined;
}

/** What differs between the files of two systems. */
export interface FileComparison {
  /** Sorted by path. */
  readonly changes: readonly FileChange[];
  /** Whether these are all: what is not told of is the same, or missed. */
  readonly isWhole: boolean;
}

/**
 * What differs between the files of two systems, by what they are and hold, not by when they were written. What could not be looked at is missed in either look. Throws `inspect/budget`.
 */
export function compareFiles(
  before: Look,
  after: Look,
  { budget, trace = new ReadTrace() }: CompareOptions,
): FileComparison {
  const looks = { before, after };
  const changes: FileChange[] = [];
  const removed: LoneFile[] = [];
  const added: LoneFile[] = [];
  const pairs = walkPairs(before.files, after.files, (side, path, problem) =>
    looks[side].miss(path, problem),
  );
  let count = 0;
  let isWhole = true;
  for (const pair of pairs) {
    count += 1;
    if (count % 64 === 0) budget.verify();
    if (changes.length + removed.length + added.length >= MAX_CHANGES) {
      after.miss("/", tooMany());
      isWhole = false;
      break;
    }
    const { path } = pair;
    try {
      if (pair.before === undefined && pair.after !== undefined) {
        added.push(loneFile(path, pair.after, budget));
      } else if (pair.before !== undefined && pair.after === undefined) {
        removed.push(loneFile(path, pair.before, budget));
      } else changes.push(...comparePair(pair, budget, trace));
    } catch (thrown) {
      if (!(thrown instanceof CasemateError) || thrown.code === "inspect/budget") throw thrown;
      after.miss(path, thrown);
    }
  }
  changes.push(...findRenames(removed, added, (path, problem) => after.miss(path, problem)));
  return { changes: changes.sort(byPath), isWhole };
}

const byPath = (one: FileChange, other: FileChange): number => (one.path < other.path ? -1 : 1);

function loneFile(path: string, node: FileNode, budget: ScanBudget): LoneFile {
  return { path, stat: node.stat, open: () => new WalkedFile(path, node, budget) };
}

function comparePair(
  { path, before, after }: FilePair,
  budget: ScanBudget,
  trace: ReadTrace,
): readonly FileChange[] {
  if (before === undefined || after === undefined) return [];
  const one = new WalkedFile(path, before, budget);
  const other = new WalkedFile(path, after, budget);
  const differs = [...walkAspects(one, other, trace)];
  if (differs.length === 0) return [];
  return [
    { change: "changed", path, differs, before: describeFile(one), after: describeFile(other) },
  ];
}

function* walkAspects(one: WalkedFile, other: WalkedFile, trace: ReadTrace): Generator<FileAspect> {
  const { stat: old } = one;
  const { stat: fresh } = other;
  if (old.type !== fresh.type) yield "type";
  else if (old.type === "symlink" && one.target() !== other.target()) yield "target";
  else if (old.type === "file" && !hasSameContents(one, other, trace)) yield "contents";
  if (old.type !== "symlink" && old.mode !== fresh.mode) yield "mode";
  if (old.uid !== fresh.uid) yield "owner";
  if (old.gid !== fresh.gid) yield "group";
}

const buffers = [Buffer.allocUnsafeSlow(TRACE_BYTES), Buffer.allocUnsafeSlow(TRACE_BYTES)] as const;

/** When a file was written proves nothing: whoever is root may say so as he likes. */
function hasSameContents(one: WalkedFile, other: WalkedFile, trace: ReadTrace): boolean {
  const [old, fresh] = [one.contents(), other.contents()];
  if (old.size !== fresh.size) return false;
  for (let at = 0; at < old.size; at += TRACE_BYTES) {
    const length = Math.min(TRACE_BYTES, old.size - at);
    if (trace.isSame(old, fresh, at, length)) continue;
    const [here, there] = [buffers[0].subarray(0, length), buffers[1].subarray(0, length)];
    old.read(at, here);
    fresh.read(at, there);
    if (!here.equals(there)) return false;
  }
  return true;
}

function tooMany(): CasemateError {
  return new CasemateError(
    "disk/unsupported",
    `Cannot tell all that differs: it is more than ${MAX_CHANGES} files, expected fewer.`,
  );
}
