import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { CasemateError, type ErrorCode } from "@casemate/core";

export interface CommandOptions {
  /** The error a failure becomes; `lab/build-failed` unless told otherwise. */
  readonly code?: ErrorCode;
  /** Called with each line of standard error. */
  readonly onLine?: (line: string) => void;
  readonly input?: string;
  readonly cwd?: string;
  /** File that takes all of standard error, and that an error names. */
  readonly log?: string;
}

/**
 * Runs a command to its end and returns its standard output.
 *
 * Throws `system/missing` where there is no such command, `cancelled` when the signal fires (the
 * command is killed first), `disk/full`, and `options.code` with the command's own last words when it
 * fails.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
  signal?: AbortSignal,
): Promise<string> {
  throwIfCancelled(signal, file);
  const child = spawn(file, args, {
    stdio: ["pipe", "pipe", "pipe"],
    // Ctrl-C is for this process, which then cancels what it started.
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const kill = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", kill);
  try {
    child.stdin.on("error", () => {}); // A command that does not read its input is judged by its exit.
    child.stdin.end(options.input ?? "");
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    let lastLine = "";
    let full = false;
    if (options.log !== undefined) child.stderr.pipe(createWriteStream(options.log));
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (line.trim() !== "") lastLine = line.trim();
      full ||= line.includes("No space left on device"); // ENOSPC, as every tool says it
      options.onLine?.(line);
    });
    const ended = await new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, by) => resolve(by ?? String(code)));
    });
    throwIfCancelled(signal, file);
    if (ended !== "0") {
      const log = options.log === undefined ? "" : ` (log: ${options.log})`;
      throw new CasemateError(
        full ? "disk/full" : (options.code ?? "lab/build-failed"),
        `Cannot run ${file}: it ended with ${ended} and said "${lastLine}"${log}, expected it to succeed.`,
      );
    }
    return Buffer.concat(output).toString();
  } catch (cause) {
    if (cause instanceof CasemateError) throw cause;
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new CasemateError(
      "system/missing",
      `Cannot run ${file}: ${words}, expected it to be installed.`,
      { cause },
    );
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

function throwIfCancelled(signal: AbortSignal | undefined, file: string): void {
  if (signal?.aborted === true) {
    throw new CasemateError("cancelled", `Cannot finish ${file}: it was cancelled.`, {
      cause: signal.reason,
    });
  }
}
