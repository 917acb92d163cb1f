import type { ReadView, RunInGuest } from "./truth.ts";

/** A guest that was made to do things goes on a while: packets are sent again, sockets time out. */
const TRIES = 30;

/**
 * What `command` prints in the guest and what `view` shows meanwhile, at a moment when the guest says the
 * same before and after; the last try where it never does.
 *
 * @template Row what the view's rows are.
 */
export async function readBoth<Row>(
  run: RunInGuest,
  read: ReadView,
  view: string,
  command: string,
  argument?: string,
): Promise<{ readonly output: string; readonly rows: readonly Row[] }> {
  let before = (await run(command)).output;
  for (let tries = 1; ; tries += 1) {
    const rows = (await read(view, argument)) as unknown as readonly Row[]; // the caller says what the view has
    const after = (await run(command)).output;
    if (after === before || tries === TRIES) return { output: after, rows };
    before = (await run(`sleep 1; ${command}`)).output;
  }
}
