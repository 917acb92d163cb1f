import type { Milliseconds } from "@casemate/core";
import type { Capability, CapabilityReport, DoctorContext } from "./capability.ts";

/** How long a probe may take; the longest, a guest that hangs under KVM, needs 5 s and its control. */
const LIMIT = 15_000;

export type CheckedCapability = Pick<Capability, "id" | "title"> & CapabilityReport;

/**
 * Tries each capability in turn and yields what was found, as it is found.
 *
 * A probe that throws or takes longer than `limit` is `unusable`; only the signal ends it all.
 */
export async function* checkCapabilities(
  capabilities: readonly Capability[],
  context: DoctorContext,
  signal?: AbortSignal,
  limit: Milliseconds | number = LIMIT,
): AsyncGenerator<CheckedCapability> {
  for (const { id, title, probe } of capabilities) {
    signal?.throwIfAborted();
    const own = new AbortController();
    const stop = () => own.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    const timer = setTimeout(() => own.abort(late(limit)), limit);
    try {
      const stopped = new Promise<never>((_, reject) => {
        own.signal.addEventListener("abort", () => reject(own.signal.reason), { once: true });
      });
      const report = await Promise.race([probe(context, own.signal), stopped]);
      yield { id, title, ...report };
    } catch (error) {
      signal?.throwIfAborted();
      const words = error instanceof Error ? error.message : String(error);
      yield { id, title, state: "unusable", detail: words.replace(/\.$/, "") };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }
}

const late = (limit: number): Error => new Error(`it gave no answer within ${limit / 1000} s`);
