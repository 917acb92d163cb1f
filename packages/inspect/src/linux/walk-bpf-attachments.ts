import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { CircleFinder } from "../walk/circle-finder.ts";
import { enumNames } from "./enum-names.ts";
import { kernfsPath } from "./kernfs-path.ts";
import { AddressFamily } from "./socket-names.ts";
import { SkState } from "./socket-state.ts";
import { traceEventTarget } from "./trace-event-target.ts";
import { walkKprobes } from "./walk-kprobes.ts";
import { walkNetDevices } from "./walk-net-devices.ts";
import { walkNetNamespaces } from "./walk-net-namespaces.ts";
import { walkSockets } from "./walk-sockets.ts";

/** A BPF program where it runs without a link. */
export interface BpfAttachment {
  /** Address of the `bpf_prog`. */
  readonly program: Gva;
  /** In which way: `xdp`, `cgroup_device`, `kprobe`, `socket`, …. */
  readonly kind: string;
  /** A device, control group, function, tracepoint, …. HOSTILE. */
  readonly target: string;
}

/** BPF_MPROG_MAX (include/linux/bpf_mprog.h). */
const MAX_MPROG = 64;
/** BPF_TRACE_MAX_PROGS (kernel/trace/bpf_trace.c). */
const MAX_TRACE_PROGS = 64;

/**
 * Programs that were attached without a link: to devices (XDP, tc), control groups, trace events, network
 * namespaces and sockets. `isProgram` says what is one: tc keeps its own in a module without types.
 */
export function* walkBpfAttachments(
  kernel: KernelReader,
  nameOf: (address: Gva) => string,
  isProgram: (at: Gva) => boolean,
): Generator<BpfAttachment> {
  for (const net of walkNetNamespaces(kernel)) {
    yield* walkNamespaceProgs(kernel, net);
    yield* walkDeviceProgs(kernel, net, isProgram);
  }
  yield* walkCgroupProgs(kernel);
  yield* walkTraceProgs(kernel, nameOf);
  yield* walkSocketProgs(kernel);
}

/** Flow dissectors: `netns_bpf.progs`. */
function* walkNamespaceProgs(kernel: KernelReader, net: Gva): Generator<BpfAttachment> {
  const type = kernel.struct("net");
  if (!type.has("bpf.progs")) return;
  const progs = type.offset("bpf.progs");
  const name = enumNames(kernel, { names: ["netns_bpf_attach_type"], prefix: "NETNS_BPF_" });
  for (let i = 0; i < type.length("bpf.progs"); i += 1) {
    const program = kernel.link(net, progs + i * 8);
    if (program === 0n) continue;
    yield { program, kind: name(i), target: `net:[${type.number("ns.inum")(net)}]` };
  }
}

function* walkDeviceProgs(
  kernel: KernelReader,
  net: Gva,
  isProgram: (at: Gva) => boolean,
): Generator<BpfAttachment> {
  const device = kernel.struct("net_device");
  const name = device.string("name");
  const xdp = Array.from({ length: device.length("xdp_state") }, (_, i) => ({
    program: device.pointer(`xdp_state[${i}].prog`),
    link: device.pointer(`xdp_state[${i}].link`),
  }));
  const filters = tcFilterLists(kernel);
  for (const at of walkNetDevices(kernel, net)) {
    for (const slot of xdp) {
      const program = slot.program(at);
      // Where a link holds the place, the program is the link's.
      if (program !== 0n && slot.link(at) === 0n) yield { program, kind: "xdp", target: name(at) };
    }
    for (const { kind, list, mprog } of filters) {
      for (const program of mprog(at)) yield { program, kind: `tcx_${kind}`, target: name(at) };
      for (const program of walkClsBpf(kernel, list(at), isProgram)) {
        yield { program, kind: `tc_${kind}`, target: name(at) };
      }
    }
  }
}

interface TcHook {
  readonly kind: "ingress" | "egress";
  /** The `tcf_proto` that a packet meets first, or NULL. */
  readonly list: Accessor<Gva>;
  /** Programs attached without a link where there is no classifier: tcx. */
  readonly mprog: (device: Gva) => Iterable<Gva>;
}

/** Both sides of `clsact`: on the device up to 6.5, in `tcx_entry` since. */
function tcFilterLists(kernel: KernelReader): readonly TcHook[] {
  const device = kernel.struct("net_device");
  const filterList = kernel.struct("mini_Qdisc").pointer("filter_list");
  const first = (miniq: Gva) => (miniq === 0n ? miniq : filterList(miniq));
  return (["ingress", "egress"] as const).flatMap((kind): TcHook | readonly [] => {
    if (device.has(`miniq_${kind}`)) {
      const miniq = device.pointer(`miniq_${kind}`);
      return { kind, list: (at) => first(miniq(at)), mprog: () => [] };
    }
    if (!device.has(`tcx_${kind}`)) return [];
    const entry = device.pointer(`tcx_${kind}`);
    const tcx = kernel.struct("tcx_entry");
    const bundle = kernel.struct("bpf_mprog_entry").pointer("parent");
    const miniq = tcx.pointer("miniq");
    const containing = (at: Gva) => tcx.containerOf(bundle(at), "bundle");
    return {
      kind,
      list: (at) => {
        const found = entry(at);
        return found === 0n ? found : first(miniq(containing(found)));
      },
      mprog: (at) => walkMprog(kernel, entry(at)),
    };
  });
}

/** `bpf_mprog_foreach_tuple`, without those that links hold. */
function* walkMprog(kernel: KernelReader, entry: Gva): Generator<Gva> {
  if (entry === 0n) return;
  const type = kernel.struct("bpf_mprog_entry");
  const bundle = type.pointer("parent")(entry);
  const links = kernel.struct("bpf_mprog_bundle").address("cp_items")(bundle);
  for (let i = 0; i < MAX_MPROG; i += 1) {
    const program = kernel.link(entry, i * 8);
    if (program === 0n) return;
    if (kernel.memory.pointer(links, i * 8) === 0n) yield program;
  }
}

/**
 * Programs of `cls_bpf` classifiers on the chain of `tcf_proto` at `first`. Its structs are a module's own,
 * whose types are not at hand: the list begins in the first member of `cls_bpf_head`, and a `cls_bpf_prog`
 * holds its program right before its place on the list (net/sched/cls_bpf.c, the same since 4.1).
 */
function* walkClsBpf(
  kernel: KernelReader,
  first: Gva,
  isProgram: (at: Gva) => boolean,
): Generator<Gva> {
  const proto = kernel.struct("tcf_proto");
  const next = proto.offset("next");
  const kind = proto.string("ops->kind");
  const root = proto.pointer("root");
  const circle = new CircleFinder();
  for (let at = first; at !== 0n; at = kernel.link(at, next)) {
    kernel.budget.step();
    circle.visit(at);
    const head = root(at);
    if (kind(at) !== "bpf" || head === 0n) continue;
    const entries = new CircleFinder();
    for (let node = kernel.link(head); node !== head; node = kernel.link(node)) {
      kernel.budget.step();
      entries.visit(node);
      const program = kernel.memory.pointer(gva(node - 8n));
      if (isProgram(program)) yield program;
    }
  }
}

/** Programs of all control groups (`cgroup_bpf.progs`), from the root of the unified hierarchy down. */
function* walkCgroupProgs(kernel: KernelReader): Generator<BpfAttachment> {
  const cgroup = kernel.struct("cgroup");
  if (!cgroup.has("bpf.progs")) return;
  const entry = kernel.struct("bpf_prog_list");
  const program = entry.pointer("prog");
  const css = kernel.struct("cgroup_subsys_state");
  const children = css.address("children");
  const self = BigInt(cgroup.offset("self"));
  const path = kernfsPath(kernel);
  const node = cgroup.pointer("kn");
  const progs = cgroup.address("bpf.progs");
  const kinds = cgroup.length("bpf.progs");
  const kind = enumNames(kernel, {
    names: ["cgroup_bpf_attach_type", "bpf_attach_type"],
    prefix: "BPF_",
  });
  // Up to 5.18 the chains are circular lists.
  const circular = cgroup.sizeOf("bpf.progs[0]") === 16;
  const root = kernel.struct("cgroup_root").address("cgrp")(kernel.symbol("cgrp_dfl_root"));

  const circle = new CircleFinder();
  const waiting: Gva[] = [root];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    circle.visit(at);
    const heads = progs(at);
    const words = new BigUint64Array(
      kernel.memory.bytes(heads, kinds * (circular ? 16 : 8)).buffer,
    );
    for (let i = 0; i < kinds; i += 1) {
      const head = gva(heads + BigInt(i * (circular ? 16 : 8)));
      const first = words[circular ? i * 2 : i] ?? 0n;
      if (first === 0n || first === head) continue;
      for (const each of circular ? entry.list(head, "node") : entry.hlist(head, "node")) {
        const found = program(each);
        if (found === 0n) continue;
        // LSM hooks share some places at the end, which have numbers.
        const way = /^(?:cgroup_lsm_|\d)/.test(kind(i)) ? "lsm_cgroup" : kind(i);
        yield { program: found, kind: way, target: path(node(at)) };
      }
    }
    for (const child of css.list(children(gva(at + self)), "sibling"))
      waiting.push(gva(child - self));
  }
}

/** Programs of tracepoints and of probes made through files: `trace_event_call.prog_array`. */
function* walkTraceProgs(
  kernel: KernelReader,
  nameOf: (address: Gva) => string,
): Generator<BpfAttachment> {
  const event = kernel.struct("trace_event_call");
  if (!event.has("prog_array") || !kernel.hasSymbol("ftrace_events")) return;
  const array = event.pointer("prog_array");
  const target = traceEventTarget(kernel, nameOf);
  const items = kernel.struct("bpf_prog_array").address("items");
  const item = kernel.struct("bpf_prog_array_item");
  const program = item.pointer("prog");
  const aux = kernel.struct("bpf_prog").pointer("aux");
  const walkCall = function* (call: Gva): Generator<BpfAttachment> {
    const progs = array(call);
    if (progs === 0n) return;
    for (let i = 0; i < MAX_TRACE_PROGS; i += 1) {
      kernel.budget.step();
      const found = program(item.element(items(progs), i));
      if (found === 0n) return;
      // The kernel's dummy takes the place of one that could not be removed.
      if (aux(found) !== 0n) yield { program: found, ...target(call) };
    }
  };
  const seen = new Set<Gva>();
  for (const call of event.list(kernel.symbol("ftrace_events"), "list")) {
    seen.add(call);
    yield* walkCall(call);
  }
  // A probe that `perf_event_open` made is in no list of events, but the kprobe is there.
  for (const { call } of walkKprobes(kernel)) {
    if (call === undefined || seen.has(call)) continue;
    seen.add(call);
    yield* walkCall(call);
  }
}

/** Filters of sockets (SO_ATTACH_BPF) and programs that choose among them (SO_ATTACH_REUSEPORT_EBPF). */
function* walkSocketProgs(kernel: KernelReader): Generator<BpfAttachment> {
  const sock = kernel.struct("sock");
  const family = sock.number("__sk_common.skc_family");
  const state = sock.number("__sk_common.skc_state");
  const filter = sock.pointer("sk_filter");
  const filterProgram = kernel.struct("sk_filter").pointer("prog");
  const reuseport = sock.pointer("sk_reuseport_cb");
  const reuseportProgram = kernel.struct("sock_reuseport").pointer("prog");
  for (const at of walkSockets(kernel)) {
    const kind = family(at);
    if (kind === AddressFamily.inet || kind === AddressFamily.inet6) {
      const now = state(at);
      // No whole `sock` is there.
      if (now === SkState.timeWait || now === SkState.newSynRecv) continue;
    }
    const target = `sock 0x${at.toString(16)}`;
    const filtered = filter(at);
    if (filtered !== 0n) yield { program: filterProgram(filtered), kind: "socket", target };
    const group = reuseport(at);
    const program = group === 0n ? group : reuseportProgram(group);
    if (program !== 0n) yield { program, kind: "sk_reuseport", target };
  }
}
