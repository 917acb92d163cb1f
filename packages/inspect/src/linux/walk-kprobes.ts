import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** A probe that somebody put into the kernel's text. */
export interface Kprobe {
  /** Address of its `struct kprobe`. */
  readonly kprobe: Gva;
  /** The instruction it is at. */
  readonly address: Gva;
  /** What runs there first, or last for one that waits for the return; NULL where only later handlers are set. */
  readonly handler: Gva;
  /** Whether it waits for the function's return. */
  readonly returns: boolean;
  readonly flags: readonly KprobeFlag[];
  /** The `trace_event_call` that made it: tracefs or `perf_event_open`. */
  readonly call: Gva | undefined;
}

/** include/linux/kprobes.h, in the words of /sys/kernel/debug/kprobes/list. */
const FLAGS = { gone: 1, disabled: 2, optimized: 4, ftrace: 8 } as const;
export type KprobeFlag = keyof typeof FLAGS;

/** `1 << KPROBE_HASH_BITS` (include/linux/kprobes.h). */
const TABLE_SIZE = 64;

/** Every registered probe, those that share an address one by one: /sys/kernel/debug/kprobes/list. */
export function* walkKprobes(kernel: KernelReader): Generator<Kprobe> {
  if (!kernel.hasStruct("kprobe") || !kernel.hasSymbol("kprobe_table")) return;
  const type = kernel.struct("kprobe");
  const table = kernel.symbol("kprobe_table");
  const preHandler = type.pointer("pre_handler");
  const aggregate = kernel.symbol("aggr_pre_handler");
  const siblings = type.address("list");
  const read = kprobeReader(kernel);
  for (let bucket = 0; bucket < TABLE_SIZE; bucket += 1) {
    if (kernel.memory.u64(table, bucket * 8) === 0n) continue;
    for (const at of type.hlist(gva(table + BigInt(bucket * 8)), "hlist")) {
      if (preHandler(at) !== aggregate) yield read(at, at);
      else for (const each of type.list(siblings(at), "list")) yield read(each, at);
    }
  }
}

/** Reads a probe; `top` is the one the kernel has at its address, which may stand for several. */
function kprobeReader(kernel: KernelReader): (at: Gva, top: Gva) => Kprobe {
  const type = kernel.struct("kprobe");
  const address = type.pointer("addr");
  const preHandler = type.pointer("pre_handler");
  const flags = type.number("flags");
  const kretprobe = kernel.struct("kretprobe");
  const returnHandler = kretprobe.pointer("handler");
  const preReturn = kernel.symbol("pre_handler_kretprobe");
  const call = traceCall(kernel);
  return (at, top) => {
    const before = preHandler(at);
    const returns = before === preReturn;
    const handler = returns ? returnHandler(kretprobe.containerOf(at, "kp")) : before;
    const own = flags(at);
    const shared = flags(top);
    const isSet = {
      gone: (own & FLAGS.gone) !== 0,
      disabled: (own & FLAGS.disabled) !== 0,
      optimized: (shared & FLAGS.optimized) !== 0,
      ftrace: (shared & FLAGS.ftrace) !== 0,
    };
    return {
      kprobe: at,
      address: address(at),
      handler,
      returns,
      flags: (Object.keys(FLAGS) as KprobeFlag[]).filter((flag) => isSet[flag]), // its own keys
      call: call(at, handler),
    };
  };
}

/** Finds the event around a `kprobe` whose handler is one of the tracer's: `trace_kprobe.tp.event`. */
function traceCall(kernel: KernelReader): (at: Gva, handler: Gva) => Gva | undefined {
  if (!kernel.hasStruct("trace_kprobe") || !kernel.hasSymbol("kprobe_dispatcher")) {
    return () => undefined;
  }
  const type = kernel.struct("trace_kprobe");
  const event = type.pointer("tp.event");
  const call = kernel.struct("trace_probe_event").address("call");
  const dispatchers = [kernel.symbol("kprobe_dispatcher"), kernel.symbol("kretprobe_dispatcher")];
  return (at, handler) => {
    if (!dispatchers.includes(handler)) return undefined;
    const found = event(type.containerOf(at, "rp.kp"));
    return found === 0n ? undefined : call(found);
  };
}
