import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CasemateError } from "@casemate/core";
import { type WatchdogAnswer, type WatchdogTask, watchdogOrders } from "./watchdog/messages.ts";

/** How much of what a watchdog says on its standard error is kept, in characters. */
const complaintsLength = 4_096;

/** A watchdog that runs; disposing lets go of it, and it then does by itself what is left to do. */
export interface WatchdogProcess extends Disposable {
  readonly pid: number | undefined;
  order(order: keyof typeof watchdogOrders): void;
  /** Its next answer; `undefined` when it ended without one. Throws the error that it says. */
  answer(): Promise<Exclude<WatchdogAnswer, { kind: "error" }> | undefined>;
  /** How it ended, for the error that tells of it. */
  describeEnd(): string;
}

/**
 * Starts a watchdog, which holds `lockFd` open as long as it lives; what is wrong with it shows when it is
 * asked. It is in a session of its own, so that neither a terminal's signals nor this process's end reach it.
 */
export function startWatchdog(
  task: WatchdogTask,
  lockFd: number,
  program = join(import.meta.dirname, "watchdog", "main.ts"),
): WatchdogProcess {
  const child = spawn(process.execPath, [program, JSON.stringify(task)], {
    stdio: ["pipe", "pipe", "pipe", lockFd],
    detached: true,
    cwd: "/",
  });
  const [stdin, stdout, stderr] = child.stdio;
  if (stdin === null || stdout === null || stderr === null) {
    throw new CasemateError("internal", "Cannot start the watchdog of a pause: it has no pipes.");
  }
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  stdin.on("error", () => {}); // it ended: reading its answer says so
  let complaints = "";
  stderr.on("data", (chunk: Buffer) => {
    complaints = (complaints + chunk.toString("latin1")).slice(-complaintsLength);
  });
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid,
    order(order) {
      stdin.write(Uint8Array.of(watchdogOrders[order]));
    },
    async answer() {
      const { value, done } = await lines.next();
      if (done === true) return undefined;
      const answer = JSON.parse(value) as WatchdogAnswer; // our own program wrote it
      if (answer.kind === "error") throw new CasemateError(answer.code, answer.message);
      return answer;
    },
    describeEnd() {
      const words = failure?.message ?? complaints.trim();
      const how = child.signalCode ?? child.exitCode ?? "no answer";
      return words === "" ? String(how) : `${how}: ${words}`;
    },
    [Symbol.dispose]() {
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
      child.unref();
    },
  };
}
