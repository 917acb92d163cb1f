import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor, StructType } from "../kernel/struct-type.ts";
import { attachFuncName } from "./attach-func-name.ts";
import { pathWriter } from "./d-path.ts";
import { enumNames } from "./enum-names.ts";
import { findInit } from "./find-init.ts";
import { getFsRoot } from "./get-fs-root.ts";
import { kernfsPath } from "./kernfs-path.ts";
import { netfilterHookName } from "./netfilter-hook-name.ts";
import { traceEventTarget } from "./trace-event-target.ts";

/** Where a BPF link attaches its program. */
export interface BpfLinkTarget {
  /** In which way: `xdp`, `trace_fentry`, `kprobe`, …; null where the kind of link says it all. */
  readonly attachType: string | null;
  /** A device, function, tracepoint, control group, …; null where it is gone. HOSTILE. */
  readonly target: string | null;
}

/** Of the functions that one link is at, so many are named. */
const MAX_NAMED = 8;
const NOWHERE: BpfLinkTarget = { attachType: null, target: null };
const ATTACH_TYPES = { names: ["bpf_attach_type"], prefix: "BPF_" } as const;

/** What a program was made for, where its links do not say it. */
const MADE_FOR = "link.prog->expected_attach_type";

type Read = (type: StructType) => Accessor<BpfLinkTarget>;

/**
 * Reads where links attach, by the name of their type. A kind of link that is not known here (a newer
 * kernel's) has no target.
 */
export function bpfLinkTarget(
  kernel: KernelReader,
  nameOf: (address: Gva) => string,
): (link: Gva, type: string) => BpfLinkTarget {
  const attachTypeName = enumNames(kernel, ATTACH_TYPES);
  /** Reads `bpf_attach_type` from the kind's own member, or from the one that all links have since 6.17. */
  const attachType = (type: StructType, ...own: readonly string[]): Accessor<string | null> => {
    const paths = [...own, "link.attach_type", "link.link.attach_type"];
    if (!paths.some((path) => type.has(path))) return () => null;
    const read = type.number(...paths);
    return (at) => attachTypeName(read(at));
  };
  const deviceName = kernel.struct("net_device").string("name");
  const namespaceInode = kernel.struct("net").number("ns.inum");
  const mapId = kernel.struct("bpf_map").number("id");
  const named = (read: Accessor<Gva>, name: Accessor<string>): Accessor<string | null> => {
    return (at) => {
      const found = read(at);
      return found === 0n ? null : name(found);
    };
  };
  const inNamespace = (inode: number) => `net:[${inode}]`;
  /** Links that name one thing behind a pointer. */
  const pointing =
    (member: string, name: Accessor<string>, ...own: readonly string[]): Read =>
    (type) => {
      const target = named(type.pointer(member), name);
      const way = attachType(type, ...own);
      return (at) => ({ attachType: way(at), target: target(at) });
    };
  const functionNames = (addresses: readonly Gva[], count: number) => {
    const text = addresses.map(nameOf).join(", ");
    return count > addresses.length ? `${text} and ${count - addresses.length} more` : text;
  };

  const kinds: Readonly<Record<string, { readonly struct: string; readonly read: Read }>> = {
    raw_tracepoint: {
      struct: "bpf_raw_tp_link",
      read: (type) => {
        const name = type.string("btp->tp->name");
        return (at) => ({ attachType: null, target: name(at) });
      },
    },
    tracing: {
      struct: "bpf_tracing_link",
      read: (type) => {
        const way = attachType(type, "attach_type");
        const link = type.has("link.link") ? "link.link" : "link";
        const target = attachFuncName(kernel, type, `${link}.prog->aux`);
        const program = type.pointer("tgt_prog");
        const programId = kernel.struct("bpf_prog").number("aux->id");
        return (at) => {
          const extended = program(at);
          const suffix = extended === 0n ? "" : ` of program ${programId(extended)}`;
          return { attachType: way(at), target: `${target(at)}${suffix}` };
        };
      },
    },
    tracing_multi: {
      struct: "bpf_tracing_multi_link",
      read: (type) => {
        const way = attachType(type);
        const count = type.number("nodes_cnt");
        const nodes = type.address("nodes");
        const node = kernel.struct("bpf_tracing_multi_node");
        const address = node.pointer("trampoline->func.addr");
        return (at) => {
          const length = Math.max(0, count(at));
          const shown = Array.from({ length: Math.min(length, MAX_NAMED) }, (_, i) =>
            address(node.element(nodes(at), i)),
          );
          return { attachType: way(at), target: functionNames(shown, length) };
        };
      },
    },
    cgroup: {
      struct: "bpf_cgroup_link",
      read: (type) => {
        const path = kernfsPath(kernel);
        const node = kernel.struct("cgroup").pointer("kn");
        return pointing("cgroup", (at) => path(node(at)), "type")(type);
      },
    },
    iter: {
      struct: "bpf_iter_link",
      read: (type) => {
        const name = type.string("tinfo->reg_info->target");
        return (at) => ({ attachType: null, target: name(at) });
      },
    },
    netns: {
      struct: "bpf_netns_link",
      read: pointing("net", (net) => inNamespace(namespaceInode(net)), "type"),
    },
    xdp: { struct: "bpf_xdp_link", read: pointing("dev", deviceName) },
    tcx: { struct: "tcx_link", read: pointing("dev", deviceName, "location") },
    netkit: { struct: "netkit_link", read: pointing("dev", deviceName, "location") },
    sockmap: {
      struct: "sockmap_link",
      read: pointing("map", (map) => `map ${mapId(map)}`, "attach_type"),
    },
    struct_ops: {
      struct: "bpf_struct_ops_link",
      read: pointing("map", (map) => `map ${mapId(map)}`),
    },
    netfilter: {
      struct: "bpf_nf_link",
      read: (type) => {
        const family = type.number("hook_ops.pf");
        const hook = type.number("hook_ops.hooknum");
        const priority = type.number("hook_ops.priority");
        const net = type.pointer("net");
        const dead = type.number("dead");
        return (at) => {
          const place = netfilterHookName(family(at), hook(at));
          const where = dead(at) === 0 ? ` in ${inNamespace(namespaceInode(net(at)))}` : "";
          return { attachType: null, target: `${place} at priority ${priority(at)}${where}` };
        };
      },
    },
    perf_event: { struct: "bpf_perf_link", read: perfLinkReader(kernel, nameOf) },
    kprobe_multi: {
      struct: "bpf_kprobe_multi_link",
      read: (type) => {
        const way = attachType(type, MADE_FOR);
        const count = type.number("cnt");
        const addresses = type.pointer("addrs");
        return (at) => {
          const length = count(at);
          const array = addresses(at);
          const shown = Array.from({ length: Math.min(length, MAX_NAMED) }, (_, i) =>
            kernel.memory.pointer(array, i * 8),
          );
          return { attachType: way(at), target: functionNames(shown, length) };
        };
      },
    },
    uprobe_multi: {
      struct: "bpf_uprobe_multi_link",
      read: (type) => {
        const way = attachType(type, MADE_FOR);
        const target = uprobeMultiTarget(kernel, type);
        return (at) => ({ attachType: way(at), target: target(at) });
      },
    },
  };

  const readers = new Map<
    string,
    { type: StructType; read: Accessor<BpfLinkTarget> } | undefined
  >();
  return (link, name) => {
    if (!readers.has(name)) {
      const kind = kinds[name];
      const type =
        kind !== undefined && kernel.hasStruct(kind.struct)
          ? kernel.struct(kind.struct)
          : undefined;
      readers.set(name, type && kind && { type, read: kind.read(type) });
    }
    const reader = readers.get(name);
    if (reader === undefined) return NOWHERE;
    return reader.read(reader.type.containerOf(link, "link"));
  };
}

/** A `perf_event` behind a file: of a trace event, or one that counts by itself. */
function perfLinkReader(kernel: KernelReader, nameOf: (address: Gva) => string): Read {
  return (type) => {
    const event = type.pointer("perf_file->private_data");
    const perf = kernel.struct("perf_event");
    const call = perf.pointer("tp_event");
    const eventType = perf.number("attr.type");
    const config = perf.bigint("attr.config");
    const eventTarget = traceEventTarget(kernel, nameOf);
    return (at) => {
      const found = event(at);
      if (found === 0n) return NOWHERE;
      const traced = call(found);
      if (traced !== 0n) {
        const { kind, target } = eventTarget(traced);
        return { attachType: kind, target };
      }
      return { attachType: "perf_event", target: `${eventType(found)}:${config(found)}` };
    };
  };
}

function uprobeMultiTarget(kernel: KernelReader, type: StructType): Accessor<string> {
  const mnt = type.pointer("path.mnt");
  const dentry = type.pointer("path.dentry");
  const count = type.number("cnt");
  const uprobes = type.pointer("uprobes");
  const uprobe = kernel.struct("bpf_uprobe");
  const offset = uprobe.number("offset");
  const { dPath } = pathWriter(kernel, getFsRoot(kernel, findInit(kernel)));
  return (at) => {
    const length = count(at);
    const array = uprobes(at);
    const offsets = Array.from(
      { length: Math.min(length, MAX_NAMED) },
      (_, i) => `0x${offset(uprobe.element(array, i)).toString(16)}`,
    );
    const more = length > offsets.length ? ` and ${length - offsets.length} more` : "";
    return `${dPath({ mnt: mnt(at), dentry: dentry(at) })}:${offsets.join(", ")}${more}`;
  };
}
