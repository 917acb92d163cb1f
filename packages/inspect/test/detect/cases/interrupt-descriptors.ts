import { type Gva, gva } from "@casemate/core";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { loadedModule } from "../loaded-module.ts";

const detector = "interrupt-descriptors";
/** An exception of coprocessors that no machine has had for long. */
const COPROCESSOR_OVERRUN = 9;
/** No device of a test guest has it. */
const UNUSED = 200;

export const interruptDescriptorsCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "an exception that leads to a module",
    finds: /^vector 9 -> /,
    tamper: async (guest) => {
      const code = await loadedModule(guest, "dummy");
      const at = gate(guest, COPROCESSOR_OVERRUN);
      return guest.edit(() => [guest.write(at, leadingTo(guest.bytes(at, 16), code))]);
    },
  },
  {
    detector,
    claim: "an exception that leads to another function of the kernel",
    finds: /^vector 9 -> /,
    tamper: (guest) => {
      const at = gate(guest, COPROCESSOR_OVERRUN);
      const code = guest.look(({ kernel }) => kernel.symbol("do_syscall_64"));
      return guest.edit(() => [guest.write(at, leadingTo(guest.bytes(at, 16), code))]);
    },
  },
  {
    detector,
    claim: "an interrupt that programs may call",
    finds: /^vector 200 -> /,
    tamper: (guest) => {
      const attributes = gva(gate(guest, UNUSED) + 5n);
      return guest.edit(() => [guest.write(attributes, Uint8Array.of(0xee))]);
    },
  },
  {
    detector,
    claim: "another table of interrupts that the kernel would load",
    finds: /^idt_descr -> /,
    tamper: (guest) => {
      const descriptor = guest.look(({ kernel }) => kernel.symbol("idt_descr"));
      const other = guest.look(({ kernel }) => kernel.symbol("init_task"));
      return guest.edit(() => [guest.writeU64(gva(descriptor + 2n), other)]);
    },
  },
];

function gate(guest: GuestEditor, vector: number): Gva {
  return gva(guest.look(({ kernel }) => kernel.symbol("idt_table")) + BigInt(vector * 16));
}

/** The gate with another offset: Intel SDM vol. 3, 6.14.1. */
function leadingTo(gateBytes: Uint8Array<ArrayBuffer>, target: Gva): Uint8Array {
  const view = new DataView(gateBytes.buffer);
  view.setUint16(0, Number(target & 0xffffn), true);
  view.setUint16(6, Number((target >> 16n) & 0xffffn), true);
  view.setUint32(8, Number((target >> 32n) & 0xffff_ffffn), true);
  return gateBytes;
}
