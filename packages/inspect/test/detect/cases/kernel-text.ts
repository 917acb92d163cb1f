import { type Gva, gva } from "@casemate/core";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";

const detector = "kernel-text";
const NOP = 0x90;
const INT3 = 0xcc;
const JMP = 0xe9;
const CALL = 0xe8;
/** Behind what tracers are called with. */
const BODY = 64;

/** The guest goes on while its code is changed: none of these functions runs in a guest that is left alone. */
export const kernelTextCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "one bit of the kernel's code that was changed",
    finds: /^code of panic at /,
    tamper: (guest) => {
      const at = codeOf(guest, "panic", BODY);
      const [byte = 0] = guest.bytes(at, 1);
      return guest.edit(() => [guest.write(at, Uint8Array.of(byte ^ 1))]);
    },
  },
  {
    detector,
    claim: "a jump over the start of a function",
    finds: /^code of kernel_restart at /,
    tamper: (guest) => {
      const at = codeOf(guest, "kernel_restart", 0);
      const target = codeOf(guest, "kernel_power_off", 0);
      return guest.edit(() => [guest.write(at, branch(JMP, at, target))]);
    },
  },
  {
    detector,
    claim: "a call from where functions are traced, and no tracer that is registered",
    finds: /^code of kernel_restart at /,
    tamper: (guest) => {
      const at = tracedCallOf(guest, "kernel_restart");
      const target = codeOf(guest, "kernel_power_off", 0);
      return guest.edit(() => [guest.write(at, branch(CALL, at, target))]);
    },
  },
  {
    detector,
    claim: "a breakpoint without a probe",
    finds: /^code of kernel_power_off at /,
    tamper: (guest) => {
      const at = codeOf(guest, "kernel_power_off", 5);
      return guest.edit(() => [guest.write(at, Uint8Array.of(INT3))]);
    },
  },
  {
    detector,
    claim: "a static call that leads elsewhere than its key says",
    finds: /^code of __SCT__x86_pmu_add at /,
    tamper: (guest) => {
      const at = codeOf(guest, "__SCT__x86_pmu_add", 0);
      const target = codeOf(guest, "kernel_power_off", 0);
      return guest.edit(() => [guest.write(at, branch(JMP, at, target))]);
    },
    without: (kernel) =>
      kernel.grant("kernelMetadata").look((access) => access.kernel.hasSymbol("__SCT__x86_pmu_add"))
        .value
        ? undefined
        : "it has no such static call",
  },
  {
    detector,
    claim: "code that was replaced by no-ops",
    finds: /^code of panic at /,
    tamper: (guest) => {
      const at = codeOf(guest, "panic", BODY);
      return guest.edit(() => [guest.write(at, new Uint8Array(16).fill(NOP))]);
    },
  },
];

/** An address in the function `name` of the kernel image. */
function codeOf(guest: GuestEditor, name: string, offset: number): Gva {
  return guest.look(({ kernel }) => gva(kernel.symbol(name) + BigInt(offset)));
}

/** Where a function calls its tracers: 5 bytes of no-ops, behind those of ENDBR64. */
function tracedCallOf(guest: GuestEditor, name: string): Gva {
  const at = codeOf(guest, name, 0);
  const start = Buffer.from(guest.bytes(at, 5)).toString("hex");
  return /^(0f1f440000|6666666690)$/.test(start) ? at : gva(at + 4n);
}

function branch(opcode: number, at: Gva, target: Gva): Uint8Array {
  const bytes = Buffer.alloc(5, opcode);
  bytes.writeInt32LE(Number(target - at) - 5, 1);
  return bytes;
}
