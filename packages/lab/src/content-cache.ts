import { createHash } from "node:crypto";
import { rename, rm, stat } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CasemateError } from "@casemate/core";
import { makeDirectory } from "./make-directory.ts";

/**
 * The directory `root/key`, built by `build` if it is not there yet.
 *
 * It is built under a temporary name and renamed when whole, by one process at a time: an interrupted
 * build leaves nothing that a later one would take for whole.
 */
export async function cachedDirectory(
  root: string,
  key: string,
  build: (directory: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<string> {
  const whole = path.join(root, key);
  if (await exists(whole)) return whole;
  await using _lock = await takeLock(whole, signal);
  if (await exists(whole)) return whole;
  const partial = path.join(root, `.${key}.partial`);
  await rm(partial, { recursive: true, force: true });
  await makeDirectory(partial);
  try {
    await build(partial);
    await rename(partial, whole);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  return whole;
}

/** An abstract Unix socket (unix(7)) as a lock: one process can hold its name, the kernel gives it back. */
async function takeLock(name: string, signal: AbortSignal | undefined): Promise<AsyncDisposable> {
  const address = `\0casemate-lab-${createHash("sha256").update(name).digest("hex")}`;
  for (;;) {
    const server = await listen(address);
    if (server !== undefined) {
      return { [Symbol.asyncDispose]: () => new Promise((done) => server.close(() => done())) };
    }
    try {
      await sleep(200, undefined, signal === undefined ? {} : { signal });
    } catch (cause) {
      throw new CasemateError("cancelled", `Cannot wait for ${name}: it was cancelled.`, { cause });
    }
  }
}

/** Listens on the address; `undefined` where another process does. */
function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => resolve(server));
  });
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
