import { once } from "./once.ts";
import { startSleepers } from "./sleepers.ts";

/** The guest's sleeping process, which is started when it is first asked for and stays until the guest ends. */
export const sleeperOf = once((guest) => startSleepers(guest));
