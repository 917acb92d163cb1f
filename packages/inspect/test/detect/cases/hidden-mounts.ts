import { type Gva, gva } from "@casemate/core";
import { findInit } from "../../../src/linux/find-init.ts";
import { walkMounts } from "../../../src/linux/walk-mounts.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { unhash, unlink, unlinkFromTree } from "../list-edits.ts";
import { once } from "../once.ts";

const detector = "hidden-mounts";
const isVictim = /^mount \d+ at 0x[0-9a-f]{16}$/;
/** No address that can be. */
const NOWHERE = gva(0x4141_4141_4141_4140n);

export const hiddenMountsCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a mount that is not in its namespace, so that /proc/mounts has it not",
    finds: isVictim,
    tamper: (guest) => hide(guest, (at) => outOfNamespace(guest, at)),
  },
  {
    detector,
    claim: "a mount that says that it is in no namespace",
    finds: isVictim,
    tamper: (guest) =>
      hide(guest, (at) => [
        ...outOfNamespace(guest, at),
        guest.writeU64(member(guest, at, "mnt_ns"), 0n),
      ]),
  },
  {
    detector,
    claim: "a mount that no path leads to",
    finds: isVictim,
    tamper: (guest) => hide(guest, (at) => unhash(guest, member(guest, at, "mnt_hash"))),
  },
  {
    detector,
    claim: "a hash table of mounts that leads nowhere",
    finds: "could not look",
    tamper: (guest) =>
      hide(guest, (at) => [guest.writeU64(member(guest, at, "mnt_hash"), NOWHERE)]),
  },
];

/** The last mount that was made. */
const victimOf = once(async (guest) => {
  await guest.run("mkdir -p /run/casemate-hidden && mount -t tmpfs hidden /run/casemate-hidden");
  return guest.look(({ kernel }) => {
    const namespace = kernel.struct("task_struct").pointer("nsproxy->mnt_ns")(findInit(kernel));
    const source = kernel.struct("mount").string("mnt_devname");
    for (const at of walkMounts(kernel, namespace)) if (source(at) === "hidden") return at;
    throw new Error("The guest did not mount anything.");
  });
});

async function hide(
  guest: GuestEditor,
  change: (mount: Gva) => readonly Disposable[],
): Promise<AsyncDisposable> {
  const mount = await victimOf(guest);
  return guest.edit(() => change(mount));
}

function member(guest: GuestEditor, mount: Gva, name: string): Gva {
  return guest.look(({ kernel }) => kernel.struct("mount").address(name)(mount));
}

function outOfNamespace(guest: GuestEditor, mount: Gva): readonly Disposable[] {
  const isList = guest.look(({ kernel }) => kernel.struct("mnt_namespace").has("list"));
  return isList
    ? unlink(guest, member(guest, mount, "mnt_list"))
    : unlinkFromTree(guest, member(guest, mount, "mnt_node"));
}
