/** One command run as root inside a guest. */
export type RunInGuest = (
  command: string,
) => Promise<{ readonly output: string; readonly exitCode: number }>;

/** Reads a view of the guest from outside: its rows, retried until they are consistent. */
export type ReadView = (
  view: string,
  argument?: string,
) => Promise<readonly Record<string, unknown>[]>;

/**
 * Says what was not compared, so that nothing passes in silence: a part of the kernel that it does not have
 * ("not there"), or one of which this guest's tools do not tell ("inconclusive"), with the reason.
 */
export type Note = (kind: "not there" | "inconclusive", what: string) => void;

/**
 * What a guest says of itself, held against what is seen from outside.
 *
 * The guest is Debian with a root shell on its console; kernels from 5.10 to the newest run the same truths.
 */
export interface Truth {
  /** The view it is about. */
  readonly view: string;
  /** What is compared, as a test name. */
  readonly claim: string;
  /** Makes things to be seen (processes, sockets, mounts); they may stay until the guest ends. */
  prepare?(run: RunInGuest): Promise<void>;
  /**
   * Asks both sides and asserts that they are equal.
   *
   * It runs twice: with a guest that answers and is read while it runs, then with the same answers and a
   * dump, so what it asks depends on nothing but answers and rows.
   */
  compare(run: RunInGuest, read: ReadView, note: Note): Promise<void>;
}
