import { walkModules } from "../../src/linux/walk-modules.ts";
import { once } from "./once.ts";

/** A module that nothing needs, the modules loaded before and after it on all lists. */
export const victimModule = once(async (guest) => {
  await guest.run("modprobe stp; modprobe dummy numdummies=0; modprobe loop max_loop=0");
  return guest.look(({ kernel }) => {
    const name = kernel.struct("module").string("name");
    for (const at of walkModules(kernel)) if (name(at) === "dummy") return at;
    throw new Error("The guest did not load the module dummy.");
  });
});
