import type { Gva } from "@casemate/core";
import { moduleRegions, walkModules } from "../../src/linux/walk-modules.ts";
import type { GuestEditor } from "./guest-editor.ts";

/** Loads a module in the guest, and tells where its text begins. */
export async function loadedModule(guest: GuestEditor, name: string): Promise<Gva> {
  await guest.run(`modprobe ${name}`);
  const base = guest.look(({ kernel }) => {
    const nameOf = kernel.struct("module").string("name");
    const regionsOf = moduleRegions(kernel);
    for (const module of walkModules(kernel)) {
      const [text] = nameOf(module) === name ? regionsOf(module) : [];
      if (text !== undefined) return text.base;
    }
    return undefined;
  });
  if (base === undefined) throw new Error(`${name} is not loaded.`);
  return base;
}
