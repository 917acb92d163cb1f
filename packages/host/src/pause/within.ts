import { CasemateError } from "@casemate/core";

/**
 * The promise's outcome if it comes within `ms` milliseconds and before the signal aborts; what it
 * stands for runs on. Throws what `late` makes, or `cancelled`.
 */
export async function within<T>(
  ms: number,
  promise: Promise<T>,
  late: () => CasemateError,
  signal?: AbortSignal,
): Promise<T> {
  const { promise: given, reject } = Promise.withResolvers<never>();
  const abort = (): void =>
    reject(
      new CasemateError("cancelled", "Cannot wait any longer: it was cancelled.", {
        cause: signal?.reason,
      }),
    );
  const timer = setTimeout(() => reject(late()), ms);
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  promise.catch(() => {}); // it may fail after nobody waits any more
  try {
    return await Promise.race([promise, given]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
