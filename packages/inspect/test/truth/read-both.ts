import { isDeepStrictEqual } from "node:util";
import type { ReadView, RunInGuest } from "./truth.ts";

/** A guest that was made to do things goes on a while: packets are sent again, sockets time out. */
const TRIES = 30;

/**
 * What `command` prints in the guest and what `view` shows meanwhile, at a moment when one of them is the
 * same before and after the other; the last try where neither ever is.
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
  const readRows = async () => (await read(view, argument)) as unknown as readonly Row[]; // the caller says what the view has
  let said: string | undefined;
  let rows = await readRows();
  for (let tries = 1; ; tries += 1) {
    const { output } = await run(command);
    const after = await readRows();
    if (output === said || isDeepStrictEqual(rows, after) || tries === TRIES) {
      return { output, rows };
    }
    if (tries > 1) await run("sleep 1");
    said = output;
    rows = tries > 1 ? await readRows() : after;
  }
}
