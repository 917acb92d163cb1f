import { MiB } from "@casemate/core";
import { isDear } from "@casemate/inspect/detectors";

/** What lives in an inspector, of the 512 MiB it may use: from here on code that is kept to be compared goes. */
const ROOM = 256 * MiB;
/** From here on all that is kept goes. */
const LITTLE_ROOM = 384 * MiB;

/** A guest of which detectors keep something from sweep to sweep. */
interface Keeper {
  forget(isGone: (detector: string) => boolean): void;
}

/**
 * Has other guests than the one just swept read anew what takes much room, where little is left: it only spares
 * reading. Those that look every ten minutes go first.
 *
 * @param liveBytes what lives in this process
 */
export function forgetForRoom(others: Iterable<Keeper>, liveBytes: number): void {
  if (liveBytes < ROOM) return;
  const isGone = (detector: string) => liveBytes >= LITTLE_ROOM || isDear(detector);
  for (const each of others) each.forget(isGone);
}
