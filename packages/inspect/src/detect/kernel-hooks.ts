import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { addressNames } from "../linux/address-names.ts";
import type { Hook, HookKind } from "../linux/hook.ts";
import { type CodeOwner, knownCode } from "../linux/known-code.ts";
import { walkHooks } from "../linux/walk-hooks.ts";
import { defineDetector } from "./detector.ts";
import { functionStarts } from "./function-starts.ts";

/** What people call them. */
const KINDS: Readonly<Record<HookKind, string>> = {
  ftrace: "A tracer",
  kprobe: "A probe",
  kretprobe: "A return probe",
  netfilter: "A packet filter",
  lsm: "A security module",
  notifier: "A notifier",
  tracepoint: "A tracepoint's probe",
  syscall: "A system call",
};

const REMEDIATION =
  "Take a snapshot with memory for evidence and isolate the VM; look at the code at the address, then restore a state from before it.";

/** Tracers, probes, packet filters, security modules and notifiers whose code belongs to nothing known. */
export const kernelHooks = defineDetector({
  id: "kernel-hooks",
  title: "Hooks in the kernel",
  techniques: ["T1014", "T1205"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "Hooks of modules that are listed, and of BPF programs: those are shown by the views hooks and bpf, and whether they belong there is for their owner to say.",
    "A module's own lists of things to call.",
  ],
  check({ kernel }, inspection) {
    const owner = knownCode(kernel);
    const names = addressNames(kernel);
    const registered = registeredFunctions(kernel);
    const isStart = functionStarts(kernel, inspection.kept);
    for (const hook of walkHooks(kernel, names)) {
      const { kind, where, target, structure } = hook;
      // Those are system-calls' own; a probe may have only a handler for afterwards.
      if (kind === "syscall" || target === 0n) continue;
      inspection.looked();
      kernel.attempt(
        () => {
          const fault = faultOf(target, owner(target)?.kind, isStart, registered(hook));
          if (fault === undefined) return;
          inspection.report({
            key: `${kind} ${where} ${formatAddress(structure)} -> ${formatAddress(target)}`,
            title: `${KINDS[kind]} at ${where} calls ${names(target)}, ${fault.seen}`,
            severity: "critical",
            because: fault.because,
            techniques: ["T1014"],
            evidence: [
              {
                what: `${kind} hook at ${where}`,
                address: formatAddress(structure),
                expected: fault.expected,
                seen: `${formatAddress(target)} ${names(target)}`,
                path: [where, `hook ${formatAddress(structure)}`],
              },
            ],
            remediation: REMEDIATION,
          });
        },
        `${kind} hook`,
        structure,
      );
    }
  },
});

interface Fault {
  readonly seen: string;
  readonly expected: string;
  readonly because: string;
}

function faultOf(
  target: Gva,
  owner: CodeOwner["kind"] | undefined,
  isStart: (address: Gva) => boolean,
  registered: Gva | undefined,
): Fault | undefined {
  if (owner === undefined) {
    return {
      seen: "which is code of nothing that the kernel knows",
      expected: "code of the kernel, of a listed module, of a BPF program or of ftrace",
      because: "Code that no module owns is a module that hides, or was written into the kernel.",
    };
  }
  if (owner === "kernel" && !isStart(target)) {
    return {
      seen: "which is in the middle of a function",
      expected: "the start of a function",
      because: "Nothing that was compiled calls there: it is a jump into what somebody put there.",
    };
  }
  if (registered !== undefined && registered !== target) {
    return {
      seen: "though another function was registered",
      expected: `${formatAddress(registered)}, as its registration says`,
      because: "What the kernel calls was changed behind the back of what was registered.",
    };
  }
  return undefined;
}

/** What was registered, of hooks that the kernel calls by a copy of the address. */
function registeredFunctions(kernel: KernelReader): (hook: Hook) => Gva | undefined {
  const packetFilter = kernel.hasStruct("nf_hook_ops")
    ? kernel.struct("nf_hook_ops").pointer("hook")
    : undefined;
  const securityHook = kernel.hasStruct("security_hook_list")
    ? kernel.struct("security_hook_list").offset("hook")
    : undefined;
  return ({ kind, structure }) => {
    if (kind === "netfilter") return packetFilter?.(structure);
    if (kind !== "lsm" || securityHook === undefined) return undefined;
    return kernel.memory.pointer(structure, securityHook);
  };
}
