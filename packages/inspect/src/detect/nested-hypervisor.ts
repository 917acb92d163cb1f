import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { type KvmFile, takeKvmCensus } from "../linux/kvm-census.ts";
import { taskExecutable } from "../linux/task-executable.ts";
import { defineDetector, type Inspection } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";
import { taskIdentity } from "./task-identity.ts";

/** `X86_CR4_VMXE` (arch/x86/include/uapi/asm/processor-flags.h): a macro, so BTF does not know it. */
const CR4_VMXE = 0x2000;

/** What the kernel finds below itself on QEMU: nothing it knows (TCG), KVM, or KVM that answers as Hyper-V. */
const EXPECTED_BELOW: ReadonlySet<string> = new Set([
  "X86_HYPER_NATIVE",
  "X86_HYPER_KVM",
  "X86_HYPER_MS_HYPERV",
]);

const REMEDIATION =
  "Find out who started it; a VM that is to run none should be given a processor without vmx and svm (-cpu …,vmx=off,svm=off).";

/** Machines inside of the machine, and hypervisors between the guest and the host's. */
export const nestedHypervisor = defineDetector({
  id: "nested-hypervisor",
  title: "Hypervisors in the guest",
  techniques: ["T1564.006", "T1497"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "A hypervisor that was put under the running kernel and leaves its memory as it was: what it sets is in the processor, which only the host can ask.",
    "AMD's switch for virtualization, EFER.SVME, of which the kernel keeps no copy.",
    "Emulators without a hypervisor (QEMU's TCG), which are programs like others.",
    "Machines of VirtualBox or VMware one by one: of those it is told that the processor is ready for them.",
  ],
  check({ kernel }, inspection) {
    const { isThere, listed, isComplete, files } = takeKvmCensus(kernel);
    inspection.looked();
    if (listed === undefined) {
      inspection.missed(
        "machines on vm_list",
        "The kernel has no types of KVM: those that processes have open are told.",
      );
    }
    const owners = ownerReader(kernel);
    const machines = new Map<Gva, KvmFile[]>((listed ?? []).map((kvm) => [kvm, []]));
    for (const file of files) {
      inspection.looked();
      if (file.kind === "vm")
        machines.set(file.object, [...(machines.get(file.object) ?? []), file]);
    }
    for (const [kvm, holders] of machines) {
      const isListed = isComplete ? listed?.includes(kvm) : undefined;
      inspection.report(machine(kvm, holders.map(owners), isListed));
    }
    const busy = new Set(files.filter(({ kind }) => kind === "vm").map(({ task }) => task));
    for (const file of files) {
      if (file.kind === "device" && !busy.has(file.task)) inspection.report(opened(owners(file)));
    }
    checkBelow(kernel, inspection);
    if (!isThere) checkProcessors(kernel, inspection);
  },
});

/** Who has a descriptor of KVM's, in words. */
interface Holder extends ReturnType<ReturnType<typeof taskIdentity>["describe"]> {
  readonly file: KvmFile;
  readonly program: string | null;
}

function ownerReader(kernel: KernelReader): (file: KvmFile) => Holder {
  const { describe } = taskIdentity(kernel);
  const executable = taskExecutable(kernel);
  return (file) => {
    const { task } = file;
    const program = kernel.attempt(() => executable(task), "task_struct", task) ?? null;
    return { ...describe(task), file, program };
  };
}

function machine(kvm: Gva, holders: readonly Holder[], isListed: boolean | undefined): Suspicion {
  const [holder] = holders;
  const who = holder === undefined ? "Nobody's file" : `${holder.name}, ${holder.program},`;
  const isHidden = isListed === false || holder === undefined;
  return {
    key: `${isHidden ? "hidden machine" : "machine"} ${formatAddress(kvm)}`,
    title:
      isListed === false
        ? `${who} is a virtual machine that is not on the list of those`
        : `${who} runs a virtual machine in this one`,
    severity: isHidden ? "critical" : "medium",
    because: isHidden
      ? "The kernel lists each machine, and each belongs to a process: this one is kept out of sight."
      : "What runs in it is seen neither by the guest's own tools nor by looks into the guest's processes.",
    techniques: ["T1564.006"],
    evidence: [
      {
        what: "struct kvm",
        address: formatAddress(kvm),
        expected: "no virtual machine in a virtual machine",
        seen:
          holders.map(({ key, file }) => `${key}, descriptor ${file.fd}`).join("; ") || "no file",
        path: isListed === true ? ["vm_list", `struct kvm ${formatAddress(kvm)}`] : pathTo(holder),
      },
    ],
    remediation: REMEDIATION,
  };
}

function opened(holder: Holder): Suspicion {
  return {
    key: `${holder.key}: /dev/kvm`,
    title: `${holder.name}, ${holder.program}, has /dev/kvm open`,
    severity: "low",
    because: "It is ready to run a virtual machine in this one.",
    techniques: ["T1564.006"],
    evidence: [
      {
        what: "struct file of /dev/kvm",
        address: formatAddress(holder.file.file),
        expected: "no process that has it open",
        seen: `descriptor ${holder.file.fd}`,
        path: pathTo(holder),
      },
    ],
    remediation: REMEDIATION,
  };
}

function pathTo(holder: Holder | undefined): readonly string[] {
  if (holder === undefined) return [];
  const { task, fd, file } = holder.file;
  return [
    `task_struct ${formatAddress(task)}`,
    `files, ${fd}`,
    `struct file ${formatAddress(file)}`,
  ];
}

/** What the kernel found below itself when it started. */
function checkBelow(kernel: KernelReader, inspection: Inspection): void {
  if (!kernel.hasSymbol("x86_hyper_type")) return;
  const at = kernel.symbol("x86_hyper_type");
  const type = kernel.memory.u32(at);
  const found = kernel.enumerators("x86_hypervisor_type").find(([value]) => value === type);
  const name = found?.[1] ?? `number ${type}`;
  inspection.looked();
  if (EXPECTED_BELOW.has(name)) return;
  inspection.report({
    key: `below: ${name}`,
    title: `The kernel runs on a hypervisor that is not the host's: ${name.replace("X86_HYPER_", "")}`,
    severity: "high",
    because: "A kernel that is started on QEMU finds KVM there; another one was put in between.",
    techniques: ["T1564.006", "T1497"],
    evidence: [
      {
        what: "x86_hyper_type",
        address: formatAddress(at),
        expected: "X86_HYPER_KVM, or X86_HYPER_NATIVE without it",
        seen: name,
        path: ["x86_hyper_type"],
      },
    ],
    remediation:
      "Compare it with the processor in the VM's definition; if that does not explain it, start the VM from a state known to be clean, with a boot order that was checked.",
  });
}

/** Whether processors are ready to run machines without anybody whose that would be. */
function checkProcessors(kernel: KernelReader, inspection: Inspection): void {
  if (!kernel.hasSymbol("cpu_tlbstate") || !kernel.hasStruct("tlb_state")) return;
  const state = kernel.symbol("cpu_tlbstate");
  const type = kernel.struct("tlb_state");
  if (!type.has("cr4")) return;
  const cr4 = type.bigint("cr4");
  for (const cpu of kernel.onlineCpus()) {
    const at = kernel.perCpu(state, cpu);
    const seen = cr4(at);
    inspection.looked();
    if ((seen & BigInt(CR4_VMXE)) === 0n) continue;
    inspection.report({
      key: `vmx on processor ${cpu}`,
      title: `Processor ${cpu} is switched to run virtual machines, and the kernel has no KVM`,
      severity: "high",
      because: "Some other code is a hypervisor: it sees and changes everything, unseen itself.",
      techniques: ["T1564.006"],
      evidence: [
        {
          what: `CR4 of processor ${cpu}, as the kernel set it`,
          address: formatAddress(at),
          expected: "CR4.VMXE clear",
          seen: `0x${seen.toString(16)}`,
          path: [`cpu_tlbstate of processor ${cpu}`, "cr4"],
        },
      ],
      remediation: REMEDIATION,
    });
  }
}
