import { type Gva, gva } from "@casemate/core";
import type { Kernel } from "../../../src/index.ts";
import { symbolExtent } from "../../../src/linux/symbol-extent.ts";
import { SystemCallSwitch } from "../../../src/linux/system-call-switch.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { loadedModule } from "../loaded-module.ts";

const detector = "system-calls";
/** System calls that nothing in a test guest makes: `sysfs` and `uselib`. */
const SYSFS = 139;
const USELIB = 134;

export const systemCallsCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "an entry of sys_call_table that leads to a module",
    finds: /^sys_call_table\[139\] /,
    tamper: async (guest) => {
      const code = await loadedModule(guest, "dummy");
      return guest.edit(() => [guest.writeU64(entry(guest, SYSFS), code)]);
    },
  },
  {
    detector,
    claim: "an entry of sys_call_table that leads to another system call",
    finds: /^sys_call_table\[139\] /,
    tamper: (guest) =>
      guest.edit(() => [guest.writeU64(entry(guest, SYSFS), symbol(guest, "__x64_sys_getpid"))]),
  },
  {
    detector,
    claim: "a jump of x64_sys_call that leads to a module",
    finds: /^x64_sys_call 139 /,
    without: needsSwitch,
    tamper: async (guest) => {
      const code = await loadedModule(guest, "dummy");
      return guest.edit(() => [redirect(guest, "x64_sys_call", SYSFS, code)]);
    },
  },
  {
    detector,
    claim: "a jump of ia32_sys_call that leads to another system call",
    finds: /^ia32_sys_call 86 /,
    without: needsSwitch,
    tamper: (guest) =>
      guest.edit(() => [redirect(guest, "ia32_sys_call", 86, symbol(guest, "__x64_sys_getpid"))]),
  },
  {
    detector,
    claim: "an instruction in x64_sys_call that no compiler puts there",
    finds: "could not look",
    without: needsSwitch,
    // INT3 where system call 134 ends.
    tamper: (guest) =>
      guest.edit(() => [guest.write(jumpOf(guest, "x64_sys_call", USELIB), Uint8Array.of(0xcc))]),
  },
  {
    detector,
    claim: "a do_syscall_64 that calls past the start of x64_sys_call",
    finds: /^do_syscall_64 /,
    without: needsSwitch,
    tamper: (guest) =>
      guest.edit(() => {
        const target = symbol(guest, "x64_sys_call");
        return [moveCall(guest, symbol(guest, "do_syscall_64"), target, passable(guest, target))];
      }),
  },
];

function needsSwitch(kernel: Kernel): string | undefined {
  const has = kernel.grant("kernelMetadata").look((access) => {
    return access.kernel.hasSymbol("x64_sys_call");
  });
  return has.value ? undefined : "it calls by tables";
}

function symbol(guest: GuestEditor, name: string): Gva {
  return guest.look(({ kernel }) => kernel.symbol(name));
}

function entry(guest: GuestEditor, number: number): Gva {
  return gva(symbol(guest, "sys_call_table") + BigInt(number * 8));
}

/** The instruction by which a switch leaves for a system call. */
function jumpOf(guest: GuestEditor, name: string, number: number): Gva {
  return guest.look(({ kernel, text }) => {
    const at = kernel.symbol(name);
    const found = new SystemCallSwitch(at, text.bytes(at, symbolExtent(kernel, at, 65_536))).follow(
      number,
    );
    if (found === undefined) throw new Error(`${name} does not lead anywhere with ${number}.`);
    return found.from;
  });
}

/** Has a jump of four bytes' distance (JMP, or Jcc with two bytes before it) lead to `target`. */
function redirect(guest: GuestEditor, name: string, number: number, target: Gva): Disposable {
  const at = jumpOf(guest, name, number);
  const [opcode] = guest.bytes(at, 1);
  const operand = opcode === 0x0f ? 2 : 1;
  return guest.write(gva(at + BigInt(operand)), distance(at, operand + 4, target));
}

function distance(at: Gva, length: number, target: Gva): Uint8Array {
  return new Uint8Array(Int32Array.of(Number(target - at) - length).buffer);
}

/** Has the CALL of `from` in a function lead to `to`. */
function moveCall(guest: GuestEditor, within: Gva, from: Gva, to: Gva): Disposable {
  const bytes = Buffer.from(guest.bytes(within, 4096));
  for (let i = 0; i + 5 <= bytes.length; i += 1) {
    const at = gva(within + BigInt(i));
    if (bytes[i] === 0xe8 && bytes.readInt32LE(i + 1) === Number(from - at) - 5) {
      return guest.write(gva(at + 1n), distance(at, 5, to));
    }
  }
  throw new Error("The call is not there.");
}

/** An address beside a function's start from which it runs as from its start: past, or before, what does nothing. */
function passable(guest: GuestEditor, at: Gva): Gva {
  const start = Buffer.from(guest.bytes(at, 5)).toString("hex");
  return gva(start === "0f1f440000" ? at + 5n : at - 1n);
}
