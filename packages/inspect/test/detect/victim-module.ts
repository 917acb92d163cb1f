import type { Gva } from "@casemate/core";
import { walkModules } from "../../src/linux/walk-modules.ts";
import type { GuestEditor } from "./guest-editor.ts";

/** A module that nothing needs, the modules loaded before and after it on all lists, where it is now. */
export async function victimModule(guest: GuestEditor): Promise<Gva> {
  await guest.run("modprobe stp; modprobe dummy numdummies=0; modprobe loop max_loop=0");
  return guest.look(({ kernel }) => {
    const name = kernel.struct("module").string("name");
    for (const at of walkModules(kernel)) if (name(at) === "dummy") return at;
    throw new Error("The guest did not load the module dummy.");
  });
}
