import { type Gva, gva } from "@casemate/core";
import type { Hook } from "../../../src/linux/hook.ts";
import { walkHooks } from "../../../src/linux/walk-hooks.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";

const detector = "kernel-hooks";

export const kernelHooksCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a notifier whose code no module owns",
    finds: /^notifier reboot_notifier_list /,
    tamper: (guest) => {
      const { structure } = hook(guest, "notifier", "reboot_notifier_list");
      return guest.edit(() => [
        guest.writeU64(member(guest, structure, "notifier_block", "notifier_call"), data(guest)),
      ]);
    },
  },
  {
    detector,
    claim: "a notifier in the middle of a function",
    finds: /^notifier reboot_notifier_list /,
    tamper: (guest) => {
      const { structure, target } = hook(guest, "notifier", "reboot_notifier_list");
      const at = member(guest, structure, "notifier_block", "notifier_call");
      return guest.edit(() => [guest.writeU64(at, target + 1n)]);
    },
  },
  {
    detector,
    claim: "a security hook that is not what is called",
    finds: /^lsm settime /,
    tamper: (guest) => {
      const { structure } = hook(guest, "lsm", "settime");
      return guest.edit(() => [
        guest.writeU64(member(guest, structure, "security_hook_list", "hook"), data(guest)),
      ]);
    },
  },
  {
    detector,
    claim: "a tracepoint's probe whose code no module owns",
    finds: /^tracepoint console /,
    // Tracepoints that are off are not called; the probe is written where no name of a file is that long.
    tamper: (guest) => {
      const spare = gva(guest.look(({ kernel }) => kernel.symbol("core_pattern")) + 64n);
      const funcs = guest.look(({ kernel }) =>
        kernel.struct("tracepoint").address("funcs")(kernel.symbol("__tracepoint_console")),
      );
      const probes = new BigUint64Array([data(guest), 0n, 10n, 0n, 0n, 0n]);
      return guest.edit(() => [
        guest.write(spare, new Uint8Array(probes.buffer)),
        guest.writeU64(funcs, spare),
      ]);
    },
  },
];

function hook(guest: GuestEditor, kind: Hook["kind"], where: string): Hook {
  return guest.look(({ kernel }) => {
    for (const found of walkHooks(kernel, String)) {
      if (found.kind === kind && found.where === where) return found;
    }
    throw new Error(`There is no ${kind} at ${where}.`);
  });
}

function member(guest: GuestEditor, structure: Gva, struct: string, name: string): Gva {
  return guest.look(({ kernel }) => kernel.struct(struct).address(name)(structure));
}

/** Memory that is no code. */
function data(guest: GuestEditor): Gva {
  return guest.look(({ kernel }) => kernel.symbol("init_task"));
}
