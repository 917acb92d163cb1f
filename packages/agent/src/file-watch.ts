import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CasemateError } from "@casemate/core";
import {
  type DiskRange,
  FollowedDisks,
  LiveView,
  sendFds,
  type ViewedDisk,
  type WithConnection,
} from "@casemate/host";
import type { FileEvent, Missed } from "@casemate/scan";
import { type ConfinedProcess, startConfinedProcess } from "./confined/confined-process.ts";
import type { FollowerAnswer, FollowerRequest } from "./follower/messages.ts";
import { parseChanges } from "./follower/parse-changes.ts";

/** A VM, and how views of its disks are to be opened. */
export interface FileWatchOptions {
  /** The libvirt that runs the VM. */
  readonly uri: string;
  readonly uuid: string;
  readonly disks: () => Promise<WatchedDisks>;
  readonly connect: WithConnection;
  /** Waits for everybody else who has a view of the VM's disks: there is one at a time. */
  readonly inTurn: <T>(use: () => Promise<T>) => Promise<T>;
}

export interface WatchedDisks {
  /** All of the VM's disks, for one view; those with a scratch file, a new one each time, are watched. */
  readonly viewed: readonly ViewedDisk[];
  /** Disks that cannot be watched, and why. */
  readonly missed: readonly Missed[];
}

/** What was seen at one moment. */
export type FileWatchTick =
  /** All was read: at the start, and where what was written is not known, as after a snapshot. */
  | {
      readonly kind: "read";
      readonly at: Date;
      readonly files: number;
      readonly missed: readonly Missed[];
    }
  | {
      readonly kind: "changed";
      readonly at: Date;
      readonly events: readonly FileEvent[];
      readonly missed: readonly Missed[];
      /** What the view and the reading took, in milliseconds. */
      readonly elapsedMs: number;
    };

/** Between two questions whether anything was written: at first, and at most where nothing is; in milliseconds. */
const ask = { leastMs: 250, mostMs: 2_000 };
/** After a reading, so many times what it took passes before the next: it takes a fifth of the time at most. */
const REST = 4;
/** To read what was written, or all of a system's directories. */
const LIMIT_MS = 120_000;

type Follower = ConfinedProcess<FollowerRequest, FollowerAnswer>;

/**
 * What happens to the files of a running VM, seen on its disks from outside, until `signal` is aborted. The VM
 * is never paused and nothing is written to its disks.
 *
 * Only what the guest wrote to its disk is seen, and what was undone before is not: Linux writes a file within
 * some 30 s, and names and inodes within 5 s, or at once where a program syncs. Begins with a `read`.
 * Throws `vm/not-running`, `disk/*`, `inspect/*`, `libvirt/*`, and why `signal` was aborted; nothing is left.
 */
export async function* watchFiles(
  options: FileWatchOptions,
  signal: AbortSignal,
): AsyncGenerator<FileWatchTick> {
  for (;;) {
    try {
      yield* watchSameDisks(options, signal);
    } catch (thrown) {
      // Other images or volumes than before: what was written to them is not known.
      if (!(thrown instanceof CasemateError) || thrown.code !== "disk/incomplete") throw thrown;
    }
    await sleep(ask.leastMs, undefined, { signal });
  }
}

async function* watchSameDisks(
  options: FileWatchOptions,
  signal: AbortSignal,
): AsyncGenerator<FileWatchTick> {
  const { uri, uuid, connect, inTurn } = options;
  const { viewed } = await options.disks();
  const watched = viewed.filter(({ scratch }) => scratch !== undefined);
  const targets = watched.map(({ target }) => target);
  const following = { uri, uuid, targets, connect };
  await using followed = await inTurn(() => FollowedDisks.open(following, signal));
  await using follower: Follower = startConfinedProcess<FollowerRequest, FollowerAnswer>({
    name: "follower",
    main: join(import.meta.dirname, "follower", "main.ts"),
    parse: parseChanges,
  });
  const disks = { ...options, followed, follower };
  const first = await inTurn(() => read(disks, { kind: "index" }, signal));
  if (!("files" in first.answer)) throw unexpected();
  yield { kind: "read", at: first.at, ...first.answer };
  for (let wait = ask.leastMs; ; ) {
    await sleep(wait, undefined, { signal });
    wait = Math.min(wait * 2, ask.mostMs);
    const next = await inTurn(async () => {
      if (!(await followed.hasWritten(signal))) return undefined;
      const started = performance.now();
      const seen = await read(disks, { kind: "update" }, signal);
      return { ...seen, elapsedMs: performance.now() - started };
    });
    if (next === undefined) continue;
    if (!("events" in next.answer)) throw unexpected();
    const { elapsedMs } = next;
    const { events, missed } = next.answer;
    if (events.length + missed.length > 0) {
      yield { kind: "changed", at: next.at, events, missed, elapsedMs };
    }
    wait = Math.max(ask.leastMs, REST * elapsedMs);
  }
}

/** Has the follower read the disks as they are now. */
async function read(
  {
    uri,
    uuid,
    connect,
    disks,
    followed,
    follower,
  }: FileWatchOptions & { readonly followed: FollowedDisks; readonly follower: Follower },
  { kind }: Pick<FollowerRequest, "kind">,
  signal: AbortSignal,
): Promise<{ readonly at: Date; readonly answer: Exclude<FollowerAnswer, { error: unknown }> }> {
  const { viewed, missed } = await disks();
  const open = () => LiveView.open({ uri, uuid, disks: viewed, connect }, signal);
  await using now = await followed.read(open, signal);
  const { view } = now;
  const stop = AbortSignal.any([signal, view.lost]);
  sendFds(follower.socket, JSON.stringify(view.disks), view.fds);
  const written = view.disks.map(({ name }): readonly DiskRange[] => now.written.get(name) ?? []);
  const request = kind === "index" ? { kind } : { kind, written };
  const answer = await follower.ask(request, LIMIT_MS, stop);
  if ("error" in answer) throw new CasemateError(answer.error.code, answer.error.message);
  return { at: view.takenAt, answer: { ...answer, missed: [...missed, ...answer.missed] } };
}

function unexpected(): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    "Cannot take the follower's answer: it is of another question, expected one of this.",
  );
}
