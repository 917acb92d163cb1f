import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** What a trace event (`struct trace_event_call`) fires at. */
export interface TraceEventTarget {
  readonly kind: "tracepoint" | "kprobe" | "kretprobe" | "uprobe" | "uretprobe" | "event";
  /** `sched:sched_switch`, `do_sys_openat2+0x10`, `/usr/bin/bash:0x4245`. HOSTILE: guests name their events. */
  readonly target: string;
}

/**
 * Reads what trace events fire at; `nameOf` tells what is at an address. What sort of event it is shows in
 * the function that registers it, whoever made and named it.
 */
export function traceEventTarget(
  kernel: KernelReader,
  nameOf: (address: Gva) => string,
): Accessor<TraceEventTarget> {
  const event = kernel.struct("trace_event_call");
  const system = event.string("class->system");
  const register = event.pointer("class->reg");
  const name = event.string("name");
  const tracepointName = event.string("tp->name");
  const known = (symbol: string) => (kernel.hasSymbol(symbol) ? kernel.symbol(symbol) : undefined);
  const tracepoint = known("trace_event_reg");
  const kprobe = known("kprobe_register");
  const uprobe = known("trace_uprobe_register");
  const kprobeTarget = traceKprobeTarget(kernel, nameOf);
  const uprobeTarget = traceUprobeTarget(kernel);
  return (call) => {
    switch (register(call)) {
      case kprobe:
        return kprobeTarget(call);
      case uprobe:
        return uprobeTarget(call);
      case tracepoint:
        return { kind: "tracepoint", target: `${system(call)}:${tracepointName(call)}` };
      default:
        return { kind: "event", target: `${system(call)}:${name(call)}` };
    }
  };
}

/** Finds the first probe of the event at `call`, a `struct` around a `trace_probe`: `trace_probe_primary_from_call`. */
function primaryProbe(kernel: KernelReader, struct: string): Accessor<Gva> {
  const event = kernel.struct("trace_probe_event");
  const probe = kernel.struct("trace_probe");
  const type = kernel.struct(struct);
  const probes = event.offset("probes");
  const list = BigInt(probe.offset("list"));
  return (call) => {
    const first = kernel.link(event.containerOf(call, "call"), probes);
    return type.containerOf(gva(first - list), "tp");
  };
}

function traceKprobeTarget(
  kernel: KernelReader,
  nameOf: (address: Gva) => string,
): Accessor<TraceEventTarget> {
  const type = kernel.struct("trace_kprobe");
  const primary = primaryProbe(kernel, "trace_kprobe");
  const returns = type.pointer("rp.handler");
  const address = type.pointer("rp.kp.addr");
  return (call) => {
    const at = primary(call);
    const kind = returns(at) === 0n ? "kprobe" : "kretprobe";
    return { kind, target: nameOf(address(at)) };
  };
}

function traceUprobeTarget(kernel: KernelReader): Accessor<TraceEventTarget> {
  const type = kernel.struct("trace_uprobe");
  const primary = primaryProbe(kernel, "trace_uprobe");
  const returns = type.pointer("consumer.ret_handler");
  const file = type.string("filename");
  const offset = type.number("offset");
  return (call) => {
    const at = primary(call);
    const kind = returns(at) === 0n ? "uprobe" : "uretprobe";
    return { kind, target: `${file(at)}:0x${offset(at).toString(16)}` };
  };
}
