import { spawn } from "node:child_process";
import { closeSync, readFileSync } from "node:fs";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { CasemateError, MiB } from "@casemate/core";
import { openSocketPair } from "@casemate/host";
import { encodeFrame, walkFrames } from "./frames.ts";

const limits = {
  ownBytes: 512 * MiB,
  watchMs: 100,
  stderrBytes: 4_096,
};

/** A program that reads what guests control, and how its answers are checked. */
export interface ConfinedProgram<Answer> {
  /** What it is called in errors: `inspector`. */
  readonly name: string;
  /** Its source. */
  readonly main: string;
  /** Flags of V8 that it runs better with. */
  readonly flags?: readonly string[];
  /** Memory of its own that it may use, unless 512 MiB; guests' RAM that it maps does not count. */
  readonly ownBytes?: number;
  /** HOSTILE: it may be in a guest's hands. Throws `inspect/crashed` for what it may not say. */
  parse(value: unknown): Answer;
}

/** A running process without rights; disposing kills it. */
export interface ConfinedProcess<Request, Answer> extends AsyncDisposable {
  readonly pid: number | undefined;
  /** Where descriptors are sent (`sendFds`), just before it is asked to use them. */
  readonly socket: number;
  readonly hasEnded: boolean;
  /**
   * One question at a time. Throws `inspect/budget` beyond `limitMs`, `inspect/crashed`, and why `signal` was
   * aborted; then it is of no more use.
   */
  ask(request: Request, limitMs: number, signal?: AbortSignal): Promise<Answer>;
}

/** Starts the program without rights; what is wrong with it shows when it is asked. */
export function startConfinedProcess<Request, Answer>({
  name,
  main,
  flags = [],
  ownBytes = limits.ownBytes,
  parse,
}: ConfinedProgram<Answer>): ConfinedProcess<Request, Answer> {
  const [socket, theirs] = openSocketPair();
  const [command = "", ...args] = commandLine(main, flags);
  const cache = getCompileCacheDir();
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe", theirs],
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) },
    cwd: "/",
  });
  closeSync(theirs);
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) {
    throw new CasemateError("internal", `Cannot start the ${name}: it has no pipes.`);
  }
  const complaints = keepTail(stderr);
  const answers = walkFrames(stdout, name)[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  stdin.on("error", () => {}); // it ended: reading its answer says so
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
    closeSync(socket);
  });

  return {
    pid: child.pid,
    socket,
    get hasEnded() {
      return hasEnded;
    },
    async ask(request, limitMs, signal) {
      let overdrawn: string | undefined;
      const kill = (why: string) => {
        overdrawn ??= why;
        child.kill("SIGKILL");
      };
      signal?.throwIfAborted();
      const cancel = () => kill("it was cancelled");
      signal?.addEventListener("abort", cancel, { once: true });
      const deadline = setTimeout(kill, limitMs, `it took longer than ${limitMs} ms`);
      const watch = setInterval(() => {
        if (readOwnBytes(child.pid) > ownBytes) kill("it used more memory than it may");
      }, limits.watchMs);
      try {
        stdin.write(encodeFrame(request));
        const next = await answers.next();
        if (next.done !== true) return parse(next.value);
        await ended;
        throw new CasemateError(
          "inspect/crashed",
          `Cannot finish the look: the ${name} ended (${child.signalCode ?? child.exitCode}).`,
          { cause: new Error(complaints()) },
        );
      } catch (thrown) {
        signal?.throwIfAborted();
        if (overdrawn === undefined) throw thrown;
        throw new CasemateError(
          "inspect/budget",
          `Cannot finish the look: ${overdrawn}, so the ${name} was stopped.`,
          { cause: thrown },
        );
      } finally {
        clearTimeout(deadline);
        clearInterval(watch);
        signal?.removeEventListener("abort", cancel);
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * How the program is started: in an empty network of its own, unable ever to gain rights. As root it
 * keeps for its first moment the three capabilities it needs to read its own sources and to become
 * nobody; then it has none.
 */
function commandLine(main: string, flags: readonly string[]): readonly string[] {
  const v8 = ["--max-old-space-size=256", ...flags];
  const program = [process.execPath, ...v8, main, String(process.pid)];
  const confined = ["setpriv", "--no-new-privs", "--pdeathsig", "KILL"];
  if (process.getuid?.() !== 0) return [...confined, "--", ...program];
  return [
    ...["unshare", "--net", "--"],
    ...[...confined, "--bounding-set", "-all,+setuid,+setgid,+dac_read_search"],
    ...["--inh-caps", "-all", "--"],
    ...program,
  ];
}

/** Memory that is the process's own and not mapped from a guest (RssAnon, proc_pid_status(5)); 0 when it ended. */
function readOwnBytes(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // gone: its end is noticed where its answer is awaited
  }
}

function keepTail(stream: Readable): () => string {
  let tail = "";
  stream.on("data", (chunk: Buffer) => {
    tail = (tail + chunk.toString("latin1")).slice(-limits.stderrBytes);
  });
  return () => tail;
}
