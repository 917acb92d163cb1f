import { createHash, randomUUID } from "node:crypto";
import { ReadTrace } from "./read-trace.ts";

/**
 * For whom is read now. Reading is synchronous, so one variable can say it; a parameter would go through
 * every reader of every format.
 */
let active: ReadTrace | undefined;

/** A value that is kept, and what it was made of: whoever is given it later has read the same. */
export interface Kept<Value> {
  readonly value: Value;
  /** `undefined` where nobody traced. */
  readonly reads: ReadTrace | undefined;
}

export function isTracing(): boolean {
  return active !== undefined;
}

/** Bytes of the disks are read. */
export function noteRead(start: number, end: number): void {
  active?.note(start, end);
}

/** What `work` reads is noted in `trace`; all of that trace, in the one that is active outside. */
export function traceReads<Result>(trace: ReadTrace, work: () => Result): Result {
  const outer = active;
  active = trace;
  try {
    return work();
  } finally {
    active = outer;
    outer?.noteAll(trace);
  }
}

/** What a cache is to keep; nobody has read it before it is used. */
export function keepReads<Value>(work: () => Value): Kept<Value> {
  const outer = active;
  if (outer === undefined) return { value: work(), reads: undefined };
  const reads = new ReadTrace();
  active = reads;
  try {
    return { value: work(), reads };
  } catch (thrown) {
    // Nothing is kept, and whoever is told has read it.
    outer.noteAll(reads);
    throw thrown;
  } finally {
    active = outer;
  }
}

/** Whether a kept value may be given to whoever reads now: it was made while somebody traced, or nobody does. */
export function isUsable(kept: Kept<unknown>): boolean {
  return active === undefined || kept.reads !== undefined;
}

/** A value that was kept, as if it were read now. */
export function useKept<Value>({ value, reads }: Kept<Value>): Value {
  if (reads !== undefined) active?.noteAll(reads);
  return value;
}

/**
 * What a name was found to lead to, as if it were looked up now. Directories change with every file that is made
 * in them: who takes lookups goes by where the name leads, and not by the bytes that tell so.
 */
export function useLookup<Value>(
  kept: Kept<Value>,
  path: string,
  describe: (value: Value) => string,
): Value {
  if (active?.lookups === undefined) return useKept(kept);
  return active.noteLookup(path, describe(kept.value)) ? kept.value : useKept(kept);
}

/** What `work` reads is of nobody's who traces now; what it opens tells by itself what it was read from. */
export function traceApart<Result>(work: () => Result): Result {
  const outer = active;
  active = new ReadTrace();
  try {
    return work();
  } finally {
    active = outer;
  }
}

/** What is read goes by something that another reading cannot tell to be the same. */
export function noteUnrepeatable(): void {
  active?.noteFact(randomUUID());
}

/** A block that was kept, as if only `length` bytes of it, from its byte `start` on, were read now. */
export function useKeptPart(
  { value, reads }: Kept<Buffer<ArrayBuffer>>,
  start: number,
  length: number,
): Buffer<ArrayBuffer> {
  if (reads === undefined) return value;
  const [first, end, ...others] = reads.spans;
  // Where it is in one piece on the disk, its bytes are at their places; otherwise it counts as a whole.
  const isInPlace = first !== undefined && end === first + value.length && others.length === 0;
  if (isInPlace) active?.note(first + start, first + start + length);
  else active?.noteAll(reads);
  return value;
}

/**
 * Makes a value of which only what it says matters, and not the bytes that it was made of: counters beside
 * it may change. `describe` has all that anybody goes by. What is thrown is such a fact too.
 */
export function traceFact<Value>(
  work: () => Value,
  describe: (value: Value) => unknown = (value) => value,
): Value {
  const outer = active;
  if (outer === undefined) return work();
  active = new ReadTrace();
  try {
    const value = work();
    outer.noteFact(digest(JSON.stringify(describe(value)) ?? ""));
    return value;
  } catch (thrown) {
    outer.noteFact(digest(String(thrown)));
    throw thrown;
  } finally {
    active = outer;
  }
}

/** What `work` reads would be there, but something else is read in its place: a journal has what is newer. */
export function traceDisplaced(work: () => void): void {
  const outer = active;
  if (outer === undefined) return;
  const displaced = new ReadTrace();
  active = displaced;
  try {
    work();
  } finally {
    active = outer;
    outer.noteDisplaced(displaced.spans);
  }
}

const digest = (text: string): string => createHash("sha256").update(text).digest("base64url");
