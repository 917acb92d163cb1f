import type { Gva } from "@casemate/core";
import { type FunctionTable, walkFunctionTables } from "../../../src/linux/walk-function-tables.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { loadedModule } from "../loaded-module.ts";

const detector = "function-tables";

export const functionTablesCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a /proc/net/tcp that a module writes",
    finds: /^seq_operations\.show /,
    tamper: (guest) => toModule(guest, "seq_operations", "tcp4_seq_ops", "show"),
  },
  {
    detector,
    claim: "a protocol whose packets a module gets",
    finds: /^net_protocol\.handler /,
    tamper: (guest) => toModule(guest, "net_protocol", "igmp_protocol", "handler"),
  },
  {
    detector,
    claim: "an entry of /proc whose code no module owns",
    finds: /^proc_dir_entry\.single_show /,
    tamper: (guest) => {
      const { at } = table(guest, "proc_dir_entry", "/proc/version");
      return guest.edit(() => [
        guest.writeU64(
          member(guest, "proc_dir_entry", at, "single_show"),
          guest.look(({ kernel }) => kernel.symbol("init_task")),
        ),
      ]);
    },
  },
  {
    detector,
    claim: "a root directory with a module's table instead of its own",
    finds: /^file_operations 0x/,
    tamper: async (guest) => {
      const code = await loadedModule(guest, "dummy");
      const place = guest.look(({ kernel }) => {
        const type = kernel.struct("super_block");
        const name = type.string("s_type->name");
        for (const at of type.list(kernel.symbol("super_blocks"), "s_list")) {
          // Nobody lists the directory of sockets.
          if (name(at) !== "sockfs") continue;
          const inode = kernel.struct("dentry").pointer("d_inode")(type.pointer("s_root")(at));
          return kernel.struct("inode").address("i_fop")(inode);
        }
        throw new Error("There is no sockfs.");
      });
      return guest.edit(() => [guest.writeU64(place, code)]);
    },
  },
];

async function toModule(
  guest: GuestEditor,
  struct: string,
  symbol: string,
  name: string,
): Promise<AsyncDisposable> {
  const code = await loadedModule(guest, "dummy");
  const at = guest.look(({ kernel }) => kernel.symbol(symbol));
  return guest.edit(() => [guest.writeU64(member(guest, struct, at, name), code)]);
}

function member(guest: GuestEditor, struct: string, at: Gva, name: string): Gva {
  return guest.look(({ kernel }) => kernel.struct(struct).address(name)(at));
}

function table(guest: GuestEditor, struct: string, where: string): FunctionTable {
  return guest.look(({ kernel }) => {
    for (const found of walkFunctionTables(kernel)) {
      if (found.struct === struct && found.where() === where) return found;
    }
    throw new Error(`There is no ${struct} of ${where}.`);
  });
}
