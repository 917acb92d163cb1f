import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CasemateError, type JsonObject } from "@casemate/core";
import { findQemuProcess } from "../memory/find-qemu-process.ts";
import { storageError } from "../storage/storage-error.ts";

/** How nft ended and what it said. */
export interface NftResult {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Characters that nft may say: a table has some thousand for each VM. */
const maxOutput = 64 * 1024 * 1024;

/** By this path a command enters the network namespace that it inherited. */
const inherited = "/proc/self/fd/3";

/**
 * Runs nft in the network namespace that has a VM's tap devices: its QEMU's, and this process's own while
 * none runs it. Throws `system/missing`, `memory/not-permitted`, `cancelled`, and what `storageError` makes of no room
 * for the input.
 *
 * @param options.input what nft reads where it is told to read its input.
 */
export async function runNft(
  uuid: string,
  args: readonly string[],
  { input }: { readonly input?: JsonObject },
  signal?: AbortSignal,
): Promise<NftResult> {
  if (signal?.aborted) throw cancelled(signal);
  await using namespace = await openNamespace(uuid);
  await using ruleset = input === undefined ? undefined : await openInput(input);
  const command = ["nft", "-j", ...args];
  const [file = "nft", ...rest] =
    namespace === undefined ? command : ["nsenter", `--net=${inherited}`, "--", ...command];
  const child = spawn(file, rest, {
    stdio: [ruleset?.fd ?? "ignore", "pipe", "pipe", namespace?.fd ?? "ignore"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    detached: true, // Ctrl-C is for this process, which then cancels what it started.
  });
  const kill = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", kill, { once: true });
  try {
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (stdout.length > maxOutput) kill();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-4000);
    });
    const status = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, by) => resolve(code ?? by ?? "nothing"));
    });
    if (signal?.aborted) throw cancelled(signal);
    if (status === 126 || status === 127) throw missing(); // nsenter did not start it
    return { status, stdout, stderr };
  } catch (cause) {
    if (cause instanceof CasemateError) throw cause;
    throw missing(cause);
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

/** Held open, so that it stays the same one whatever becomes of the process. */
async function openNamespace(uuid: string): Promise<FileHandle | undefined> {
  try {
    return await open(`/proc/${findQemuProcess(uuid)}/ns/net`);
  } catch (thrown) {
    if (thrown instanceof CasemateError && thrown.code !== "vm/not-running") throw thrown;
    return undefined; // it does not run, or has just ended
  }
}

/** A file without a name: from a socket, as Node's pipes are, nft reads no JSON. */
async function openInput(input: JsonObject): Promise<FileHandle> {
  const path = join(tmpdir(), `casemate-${randomUUID()}`);
  try {
    const file = await open(path, "wx+", 0o600);
    try {
      await unlink(path);
      await writeFromStart(file, Buffer.from(JSON.stringify(input)));
      return file;
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  } catch (thrown) {
    throw storageError(`hand nft its rules in ${path}`, thrown);
  }
}

/** At positions of its own: nft reads from where the file is, its start. */
async function writeFromStart(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, done);
    done += bytesWritten;
  }
}

function missing(cause?: unknown): CasemateError {
  return new CasemateError(
    "system/missing",
    "Cannot ask nftables: nft did not start, expected nftables and util-linux to be installed.",
    { cause },
  );
}

function cancelled(signal: AbortSignal): CasemateError {
  return new CasemateError("cancelled", "Cannot ask nftables: it was cancelled.", {
    cause: signal.reason,
  });
}
