import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A QEMU started for a test, with a monitor on its standard streams; killed when disposed. */
export interface TestQemu extends AsyncDisposable {
  readonly pid: number;
  hmp(line: string): Promise<string>;
  qmp(command: { readonly execute: string; readonly arguments?: object }): Promise<unknown>;
  kill(): Promise<void>;
}

/** Starts a paused QEMU under TCG with no devices but those in `args`. */
export async function startTestQemu(args: readonly string[]): Promise<TestQemu> {
  const fixed = ["-accel", "tcg", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio"];
  const child = spawn("qemu-system-x86_64", [...fixed, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint += chunk;
  });
  const waiting: ((answer: Record<string, unknown>) => void)[] = [];
  const greeted = new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const message: Record<string, unknown> = JSON.parse(line);
      if ("QMP" in message) resolve();
      else if ("return" in message || "error" in message) waiting.shift()?.(message);
    });
    child.on("close", () => reject(new Error(`QEMU ended: ${complaint}`)));
  });
  await greeted;
  const qmp: TestQemu["qmp"] = async (command) => {
    const answer = new Promise<Record<string, unknown>>((resolve) => waiting.push(resolve));
    const gone = ended.then(() => ({ error: `QEMU ended: ${complaint}` }));
    child.stdin.write(`${JSON.stringify(command)}\n`);
    const message: Record<string, unknown> = await Promise.race([answer, gone]);
    if ("error" in message)
      throw new Error(`${command.execute}: ${JSON.stringify(message["error"])}`);
    return message["return"];
  };
  await qmp({ execute: "qmp_capabilities" });
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return {
    pid: child.pid ?? 0,
    qmp,
    hmp: async (line) =>
      String(await qmp({ execute: "human-monitor-command", arguments: { "command-line": line } })),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
