import { writeSync } from "node:fs";
import { inspect } from "node:util";
import koffi from "koffi";
import { CallThreads } from "./call-threads.ts";
import { EventLoop } from "./event-loop.ts";
import { initialiseLibvirt } from "./initialise-libvirt.ts";

/** The threads that all connections of this process share. */
export interface LibvirtThreads {
  readonly calls: CallThreads;
  readonly events: EventLoop;
  /** Ends them; no call may be under way and every connection must be closed. */
  end(): Promise<void>;
}

let shared: { users: number; readonly threads: Promise<LibvirtThreads> } | undefined;
let ended: Promise<void> = Promise.resolve();

/**
 * Node ends its threads before it exits, so each must come out of libvirt first: the event loop's does when
 * told to; one that calls a host that hangs may never, and then the process ends without waiting for it.
 */
function atProcessExit(
  calls: CallThreads,
  events: EventLoop,
  uncaught: () => unknown,
): (status: number) => void {
  return function exit(status) {
    if (events.leaveNow() && !calls.busy) return;
    const listeners = process.listeners("exit");
    for (const listener of listeners.slice(listeners.indexOf(exit) + 1)) {
      listener.call(process, status);
    }
    // Node says what ended it after this, which would be never.
    if (uncaught() !== undefined) writeSync(2, `${inspect(uncaught())}\n`);
    koffi.load("libc.so.6").func("void _exit(int status)")(status);
  };
}

async function start(): Promise<LibvirtThreads> {
  initialiseLibvirt();
  const calls = new CallThreads();
  const events = new EventLoop();
  let thrown: unknown;
  const keep = (error: unknown): void => {
    thrown = error;
  };
  const exit = atProcessExit(calls, events, () => thrown);
  process.on("uncaughtExceptionMonitor", keep);
  process.on("exit", exit);
  const end = async (): Promise<void> => {
    // Who waits for the end may hold nothing else.
    events.hold();
    await calls.end();
    await events.stop();
    process.off("uncaughtExceptionMonitor", keep);
    process.off("exit", exit);
  };
  try {
    await events.callbacks;
    return { calls, events, end };
  } catch (cause) {
    await end();
    throw cause;
  }
}

/** The shared threads, started for the first user; each acquire needs its release. */
export async function acquireLibvirtThreads(): Promise<LibvirtThreads> {
  // The last ones must be gone first: libvirt has one event loop a process.
  shared ??= { users: 0, threads: ended.then(start) };
  const mine = shared;
  mine.users += 1;
  try {
    return await mine.threads;
  } catch (cause) {
    if (shared === mine) shared = undefined;
    throw cause;
  }
}

/** Ends the threads after the last user, so that nothing keeps the process alive. */
export async function releaseLibvirtThreads(): Promise<void> {
  if (shared === undefined) return;
  shared.users -= 1;
  if (shared.users > 0) return;
  const { threads } = shared;
  shared = undefined;
  ended = threads.then((last) => last.end());
  await ended;
}
