import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Hook } from "./hook.ts";
import { walkFtraceHooks } from "./walk-ftrace-hooks.ts";
import { walkKprobes } from "./walk-kprobes.ts";
import { walkLsmHooks } from "./walk-lsm-hooks.ts";
import { walkNetfilterHooks } from "./walk-netfilter-hooks.ts";
import { walkNotifiers } from "./walk-notifiers.ts";
import { walkSystemCallHooks } from "./walk-system-call-hooks.ts";
import { walkTracepointProbes } from "./walk-tracepoint-probes.ts";

/**
 * Everything that was told to run at some place in the kernel; what is damaged is told beside. `nameOf` names
 * the function at an address.
 */
export function* walkHooks(
  kernel: KernelReader,
  nameOf: (address: Gva) => string,
): Generator<Hook> {
  yield* kernel.attemptWalk(walkSystemCallHooks(kernel), "system call table");
  yield* kernel.attemptWalk(walkFtraceHooks(kernel, nameOf), "ftrace hooks");
  yield* kernel.attemptWalk(walkKprobeHooks(kernel, nameOf), "kprobes");
  yield* kernel.attemptWalk(walkTracepointProbes(kernel), "tracepoint probes");
  yield* kernel.attemptWalk(walkNetfilterHooks(kernel), "netfilter hooks");
  yield* kernel.attemptWalk(walkLsmHooks(kernel), "LSM hooks");
  yield* kernel.attemptWalk(walkNotifiers(kernel), "notifier chains");
}

function* walkKprobeHooks(kernel: KernelReader, nameOf: (address: Gva) => string): Generator<Hook> {
  const event = kernel.struct("trace_event_call");
  const system = event.string("class->system");
  const name = event.string("name");
  for (const { kprobe, address, handler, returns, flags, call } of walkKprobes(kernel)) {
    yield {
      kind: returns ? "kretprobe" : "kprobe",
      where: nameOf(address),
      target: handler,
      structure: kprobe,
      flags,
      ...(call === undefined ? {} : { owner: `${system(call)}:${name(call)}` }),
    };
  }
}
