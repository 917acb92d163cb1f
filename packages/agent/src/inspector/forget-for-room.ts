import { MiB } from "@casemate/core";
import { isDear, isRemembering } from "@casemate/inspect/detectors";

/** What lives in an inspector, of the 512 MiB it may use: from here on code that is kept to be compared goes. */
const ROOM = 256 * MiB;
/** From here on all goes that is kept to spare reading. */
const LITTLE_ROOM = 384 * MiB;

/** A guest of which detectors keep something from sweep to sweep. */
interface Keeper {
  forget(isGone: (detector: string) => boolean): void;
}

/**
 * Has other guests than the one just swept read anew what takes much room, where little is left: what they say
 * stays the same. Those that look every ten minutes go first.
 *
 * @param liveBytes what lives in this process
 */
export function forgetForRoom(others: Iterable<Keeper>, liveBytes: number): void {
  if (liveBytes < ROOM) return;
  const isGone = (detector: string) =>
    isDear(detector) || (liveBytes >= LITTLE_ROOM && !isRemembering(detector));
  for (const each of others) each.forget(isGone);
}
