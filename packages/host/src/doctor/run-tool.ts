import { execFile } from "node:child_process";

/** How a tool ended and what it printed. */
export interface ToolResult {
  /** Its exit status; `undefined` when a signal ended it. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool to its end; `undefined` when it is not installed. Killed when the signal says so. */
export function runTool(
  file: string,
  args: readonly string[],
  signal: AbortSignal,
  input = "",
): Promise<ToolResult | undefined> {
  return new Promise((resolve, reject) => {
    const options = { signal, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 } as const;
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (signal.aborted) reject(signal.reason);
      else if (error?.code === "ENOENT") resolve(undefined);
      else {
        const code = error === null ? 0 : error.code;
        resolve({ status: typeof code === "number" ? code : undefined, stdout, stderr });
      }
    });
    child.stdin?.on("error", () => {}); // it may end without reading: its status tells
    child.stdin?.end(input);
  });
}

/** The last line a failed tool printed to say why. */
export function lastWords(result: ToolResult): string {
  const line = (result.stderr || result.stdout).trim().split("\n").at(-1) ?? "";
  return line === "" ? `it ended with status ${result.status ?? "none"}` : line.slice(0, 200);
}
