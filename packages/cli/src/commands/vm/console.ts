import type { Duplex } from "node:stream";
import type { Command } from "commander";
import { openClient } from "../../client/open-client.ts";
import type { Context } from "../../context.ts";
import { printable } from "../../output/printable.ts";
import { stopOnSignals } from "../../stop-on-signals.ts";

interface ConsoleOptions {
  readonly device?: string;
  readonly force?: boolean;
  readonly request?: string;
  readonly data?: string;
}

/** Ctrl-]. */
const escapeByte = 0x1d;

/** The most that the API takes in one message. */
const pieceBytes = 16 * 1024;

/** Milliseconds of the guest's silence after which a pipe's end is the end. */
const silence = 1_000;

export function addConsole(command: Command, { environment }: Context): void {
  command
    .command("console <vm>")
    .description("use a VM's serial console; Ctrl-] leaves it")
    .option("--device <alias>", "which one, as serial1; the first unless given")
    .option("--force", "take it from whoever uses it")
    .option("--request <id>", "a request for it that was approved")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .action(async (vm: string, options: ConsoleOptions) => {
      const client = await openClient(environment, options);
      const { device, force, request } = options;
      const query = new URLSearchParams({
        ...(device === undefined ? {} : { device }),
        ...(force === true ? { force: "true" } : {}),
        ...(request === undefined ? {} : { request }),
      });
      const console = await client.connect(
        `/api/v1/vms/${encodeURIComponent(vm)}/console?${query}`,
      );
      await converse(console, printable(vm));
    });
}

/** Passes bytes between the terminal, or what stands in its place, and the console until one of them ends. */
async function converse(console: Duplex, vm: string): Promise<void> {
  const { stdin, stdout, stderr } = process;
  const terminal = stdin.isTTY === true;
  const closed = Promise.withResolvers<void>();
  const leave = () => void console.destroy();
  console
    .once("error", closed.reject)
    .once("close", () => closed.resolve())
    .once("end", leave);
  stopOnSignals(leave);
  // HOSTILE: the guest's bytes steer the terminal, as those of any console do.
  console.pipe(stdout, { end: false });
  if (terminal) stderr.write(`Connected with ${vm}; Ctrl-] leaves.\n`);
  else stdin.once("end", () => leaveWhenSilent(console));
  try {
    if (terminal) stdin.setRawMode(true);
    const sent = send(stdin, console, terminal).then((left) => left && leave());
    sent.catch((thrown) => console.destroy(thrown));
    await closed.promise;
  } finally {
    if (terminal) {
      stdin.setRawMode(false);
      stderr.write(`\nLeft ${vm}.\n`);
    }
    // Nobody waits for what is typed any more.
    stdin.destroy();
  }
}

/** Sends what is typed; true once it was the escape. */
async function send(
  input: NodeJS.ReadStream,
  console: Duplex,
  terminal: boolean,
): Promise<boolean> {
  for await (const typed of input as AsyncIterable<Buffer>) {
    const end = terminal ? typed.indexOf(escapeByte) : -1;
    const bytes = end < 0 ? typed : typed.subarray(0, end);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = bytes.subarray(at, at + pieceBytes);
      await new Promise<void>((resolve) => console.write(piece, () => resolve()));
    }
    if (end >= 0) return true;
  }
  return false;
}

function leaveWhenSilent(console: Duplex): void {
  let timer = setTimeout(() => console.destroy(), silence);
  console.on("data", () => {
    clearTimeout(timer);
    timer = setTimeout(() => console.destroy(), silence);
  });
  console.once("close", () => clearTimeout(timer));
}
