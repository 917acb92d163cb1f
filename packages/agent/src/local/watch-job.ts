import { setTimeout as sleep } from "node:timers/promises";
import type { OnProgress } from "@casemate/host";
import type { HostContext } from "./host-context.ts";

/** Milliseconds between questions how far a job of libvirt's is. */
const askEvery = 250;

/** What `running` comes to, telling meanwhile how far libvirt's job on the VM is. */
export async function watchJob<T>(
  context: HostContext,
  uuid: string,
  running: Promise<T>,
  onProgress?: OnProgress,
): Promise<T> {
  if (onProgress === undefined) return await running;
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const job = await context.with((c) => c.job(uuid, over.signal));
      if (job !== undefined) onProgress({ done: job.done, total: job.total });
      await sleep(askEvery, undefined, { signal: over.signal });
    }
  };
  // How far it is may stay unknown; how it went is told by the job itself.
  const watching = watch().catch(() => {});
  try {
    return await running;
  } finally {
    over.abort();
    await watching;
  }
}
