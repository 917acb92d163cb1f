import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Ledger } from "@casemate/ledger";
import type { Store } from "../store/store.ts";

/** The ledger of the data directory. Throws `ledger/*`, `data/*`, `disk/full`. */
export async function openLedger(
  directory: string,
  store: Store,
  onTrouble: (thrown: unknown) => void,
): Promise<Ledger> {
  return await Ledger.open(join(directory, "ledger"), { origin: await originOf(store), onTrouble });
}

/** The ledger's name for ever: random, so that no two installations share one. */
async function originOf({ db }: Store): Promise<string> {
  const key = "ledger/origin";
  const value = `casemate.invalid/${randomUUID()}`;
  await db
    .insertInto("settings")
    .values({ key, value })
    .onConflict((conflict) => conflict.column("key").doNothing())
    .execute();
  const row = await db
    .selectFrom("settings")
    .select("value")
    .where("key", "=", key)
    .executeTakeFirstOrThrow();
  return row.value;
}
