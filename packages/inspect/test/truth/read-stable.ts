import type { RunInGuest } from "./truth.ts";

/** How often a guest that is not at rest is asked again. */
const TRIES = 15;

/** What `command` says in the guest, the same before and after, and what is seen from outside meanwhile. */
export async function readStable<Row>(
  run: RunInGuest,
  command: string,
  read: () => Promise<readonly Record<string, unknown>[]>,
): Promise<{ readonly output: string; readonly rows: readonly Row[] }> {
  let before = (await run(command)).output;
  for (let tries = 1; ; tries += 1) {
    const rows = (await read()) as unknown as readonly Row[]; // what that view's rows are
    const { output } = await run(command);
    if (output === before || tries === TRIES) return { output, rows };
    before = output;
  }
}
