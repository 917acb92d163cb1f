import type { RunInGuest, Truth } from "./truth.ts";

/** Makes all that `truths` want to see; what several want is made once. */
export async function prepareTruths(run: RunInGuest, truths: readonly Truth[]): Promise<void> {
  const done = new Map<string, ReturnType<RunInGuest>>();
  const runOnce: RunInGuest = (command) => {
    const answer = done.get(command) ?? run(command);
    done.set(command, answer);
    return answer;
  };
  for (const truth of truths) await truth.prepare?.(runOnce);
}
