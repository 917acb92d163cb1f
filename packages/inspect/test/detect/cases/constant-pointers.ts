import { staticMemory } from "../../../src/linux/static-memory.ts";
import { walkFunctionTables } from "../../../src/linux/walk-function-tables.ts";
import type { DetectorCase } from "../detector-case.ts";
import { loadedModule } from "../loaded-module.ts";

const detector = "constant-pointers";
const isConstant = /^constant 0x/;

export const constantPointersCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a device of the kernel's that leads to a module",
    finds: isConstant,
    tamper: async (guest) => {
      const code = await loadedModule(guest, "dummy");
      const poll = guest.look(({ kernel }) =>
        kernel.struct("file_operations").address("poll")(kernel.symbol("kmsg_fops")),
      );
      return guest.edit(() => [guest.writeU64(poll, code)]);
    },
  },
  {
    detector,
    claim: "a module's table that leads to another module",
    finds: isConstant,
    tamper: async (guest) => {
      const code = await loadedModule(guest, "dummy");
      await guest.run(
        "modprobe overlay && cd /run && mkdir -p lower/a lower/b merged && " +
          "mount -t overlay -o lowerdir=lower/a:lower/b none merged",
      );
      const thaw = guest.look(({ kernel }) => {
        const owner = staticMemory(kernel);
        for (const { struct, at } of walkFunctionTables(kernel)) {
          if (struct !== "super_operations" || typeof owner(at) !== "bigint") continue;
          return kernel.struct(struct).address("unfreeze_fs")(at);
        }
        throw new Error("All file systems are the kernel's own.");
      });
      await using undo = new AsyncDisposableStack();
      undo.defer(async () => void (await guest.run("umount /run/merged")));
      undo.use(await guest.edit(() => [guest.writeU64(thaw, code)]));
      return undo.move();
    },
  },
];
