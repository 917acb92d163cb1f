import { type Gva, gva } from "@casemate/core";
import { walkModules } from "../../../src/linux/walk-modules.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { unlink } from "../list-edits.ts";
import { victimModule } from "../victim-module.ts";

const detector = "hidden-modules";
const isVictim = /^module dummy at 0x[0-9a-f]{16}$/;
/** No address that can be. */
const NOWHERE = gva(0x4141_4141_4141_4140n);
const UNFORMED = 3;

export const hiddenModulesCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a module off the list of modules, so that lsmod has it not",
    finds: isVictim,
    tamper: (guest) => hide(guest, (at) => unlink(guest, member(guest, at, "list"))),
  },
  {
    detector,
    claim: "a module off the list and out of /sys/module",
    finds: isVictim,
    tamper: (guest) =>
      hide(guest, (at) => [
        ...unlink(guest, member(guest, at, "list")),
        ...unlink(guest, member(guest, at, "mkobj.kobj.entry")),
      ]),
  },
  {
    detector,
    claim: "a module that no address leads to",
    finds: isVictim,
    tamper: (guest) => hide(guest, (at) => outOfTree(guest, at)),
  },
  {
    detector,
    claim: "a module that says that it is not loaded yet",
    finds: isVictim,
    tamper: (guest) =>
      hide(guest, (at) => [
        guest.write(member(guest, at, "state"), new Uint8Array([UNFORMED, 0, 0, 0])),
      ]),
  },
  {
    detector,
    claim: "a module without symbols",
    finds: isVictim,
    tamper: (guest) => hide(guest, (at) => [guest.writeU64(member(guest, at, "kallsyms"), 0n)]),
  },
  {
    detector,
    claim: "a module that only its memory tells of",
    finds: /^code memory 0x[0-9a-f]{16} of 0x[0-9a-f]{16}$/,
    tamper: (guest) =>
      hide(guest, (at) => [
        ...unlink(guest, member(guest, at, "list")),
        ...unlink(guest, member(guest, at, "mkobj.kobj.entry")),
        ...outOfTree(guest, at),
        ...unlink(guest, member(guest, at, "bug_list")),
        ...outOfTypes(guest, at),
      ]),
  },
  {
    detector,
    claim: "a list of modules that leads nowhere",
    finds: "could not look",
    tamper: (guest) => hide(guest, (at) => [guest.writeU64(member(guest, at, "list"), NOWHERE)]),
  },
];

async function hide(
  guest: GuestEditor,
  change: (module: Gva) => readonly Disposable[],
): Promise<AsyncDisposable> {
  const module = await victimModule(guest);
  return guest.edit(() => change(module));
}

function member(guest: GuestEditor, module: Gva, name: string): Gva {
  return guest.look(({ kernel }) => kernel.struct("module").address(name)(module));
}

/** Its nodes in the tree of modules by address say that they are another's. */
function outOfTree(guest: GuestEditor, module: Gva): readonly Disposable[] {
  const { places, other } = guest.look(({ kernel }) => {
    const type = kernel.struct("module");
    const node = kernel.struct("mod_tree_node");
    const parts = type.has("mem")
      ? Array.from({ length: type.length("mem") }, (_, i) => `mem[${i}]`)
      : ["core_layout", "init_layout"];
    const owner = BigInt(node.offset("mod"));
    const [first] = walkModules(kernel);
    return {
      places: parts.map((part) => gva(type.address(`${part}.mtn`)(module) + owner)),
      other: first ?? 0n,
    };
  });
  return places.filter((at) => guest.u64(at) === module).map((at) => guest.writeU64(at, other));
}

/** Off `btf_modules`, where the kernel has it. */
function outOfTypes(guest: GuestEditor, module: Gva): readonly Disposable[] {
  const entry = guest.look(({ kernel }) => {
    if (!kernel.hasSymbol("btf_modules")) return undefined;
    const type = kernel.struct("btf_module");
    for (const at of type.list(kernel.symbol("btf_modules"), "list")) {
      if (type.pointer("module")(at) === module) return type.address("list")(at);
    }
    return undefined;
  });
  return entry === undefined ? [] : unlink(guest, entry);
}
