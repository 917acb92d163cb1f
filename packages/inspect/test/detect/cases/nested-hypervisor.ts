import type { Gva } from "@casemate/core";
import type { Kernel } from "../../../src/index.ts";
import { takeKvmCensus } from "../../../src/linux/kvm-census.ts";
import { kvmStruct } from "../../../src/linux/kvm-struct.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { unlink } from "../list-edits.ts";
import { startNamed } from "../start-named.ts";

const detector = "nested-hypervisor";
const CR4_VMXE = 0x2000n;
const X86_HYPER_VMWARE = 1;

/** The processor that QEMU emulates has AMD's virtualization. KVM_CREATE_VM is 0xae01. */
const withKvm = (calls: string) =>
  `perl -e 'open(my $kvm, "+<", "/dev/kvm") or die $!; ${calls}; $0 = "GUEST"; sleep 1000000'`;
const MACHINE = withKvm("my $vm = ioctl($kvm, 0xae01, 0) or die $!");

export const nestedHypervisorCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a processor that runs machines, and no KVM",
    finds: /^vmx on processor 0$/,
    // The kernel would set CR4 to this the next time that it flushes all translations, and could not.
    tamper: (guest) =>
      guest.editStopped(() => {
        const at = guest.look(({ kernel }) => {
          const cpu = kernel.perCpu(kernel.symbol("cpu_tlbstate"), 0);
          return kernel.struct("tlb_state").address("cr4")(cpu);
        });
        return [guest.writeU64(at, guest.u64(at) | CR4_VMXE)];
      }),
  },
  {
    detector,
    claim: "a kernel that was started on another hypervisor",
    finds: /^below: X86_HYPER_VMWARE$/,
    tamper: (guest) =>
      guest.edit(() => {
        const at = guest.look(({ kernel }) => kernel.symbol("x86_hyper_type"));
        return [guest.write(at, new Uint8Array([X86_HYPER_VMWARE, 0, 0, 0]))];
      }),
  },
  {
    detector,
    claim: "a process that has /dev/kvm open",
    finds: /^process \d+ started at [\d.]+: \/dev\/kvm$/,
    tamper: (guest) => start(guest, withKvm("")),
  },
  {
    detector,
    claim: "a virtual machine in the machine",
    finds: /^machine 0x[0-9a-f]{16}$/,
    tamper: (guest) => start(guest, MACHINE),
  },
  {
    detector,
    claim: "a virtual machine that is off the list of those",
    finds: /^hidden machine 0x[0-9a-f]{16}$/,
    tamper: async (guest) => {
      await using undo = new AsyncDisposableStack();
      undo.use(await start(guest, MACHINE));
      undo.use(await guest.edit(() => unlink(guest, machineNode(guest))));
      return undo.move();
    },
    without: withoutTypes,
  },
  {
    detector,
    claim: "a list of virtual machines that leads nowhere",
    finds: "could not look",
    tamper: async (guest) => {
      await using undo = new AsyncDisposableStack();
      undo.use(await start(guest, MACHINE));
      undo.use(
        await guest.edit(() => [guest.writeU64(machineNode(guest), 0x4141_4141_4141_4141n)]),
      );
      return undo.move();
    },
    without: withoutTypes,
  },
];

/** KVM is a module, and modules have types of their own since 5.11. */
function withoutTypes(kernel: Kernel): string | undefined {
  const { value } = kernel
    .grant("kernelMetadata")
    .look(({ kernel }) => kernel.hasSymbol("btf_modules") || kernel.hasStruct("kvm"));
  return value ? undefined : "no types of modules";
}

async function start(guest: GuestEditor, command: string): Promise<AsyncDisposable> {
  await guest.run("modprobe kvm_amd");
  await using undo = new AsyncDisposableStack();
  undo.defer(async () => void (await guest.run("modprobe -r kvm_amd kvm")));
  undo.use(await startNamed(guest, "GUEST", command));
  return undo.move();
}

/** Where the machine that the guest runs is linked to the others. */
function machineNode(guest: GuestEditor): Gva {
  return guest.look(({ kernel }) => {
    const machine = takeKvmCensus(kernel).files.find(({ kind }) => kind === "vm");
    const type = kvmStruct(kernel);
    if (machine === undefined || type === undefined) throw new Error("The guest runs no machine.");
    return type.address("vm_list")(machine.object);
  });
}
