import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";
import { CircleFinder } from "../walk/circle-finder.ts";
import { symbolExtent } from "./symbol-extent.ts";
import { walkNetDevices } from "./walk-net-devices.ts";
import { walkNetNamespaces } from "./walk-net-namespaces.ts";

/** A struct of functions that something in the kernel calls by. */
export interface FunctionTable {
  /** `file_operations` */
  readonly struct: string;
  readonly at: Gva;
  /** These of its members are the functions that are in use; all its functions where it does not say. */
  readonly members?: readonly string[];
  /** Spells what calls by it: `/proc/net/tcp`, `super block of ext4`. HOSTILE. */
  readonly where: () => string;
  /** Who made what calls by it, where that is known: a module's table has no place in something of the kernel's. */
  readonly maker?: "kernel" | Gva;
}

/** Socket types: `SOCK_MAX` (include/linux/net.h). */
const SOCKET_TYPES = 11;
const MAX_PROTOCOLS = 256;
/** `AF_MAX` and `NR_LDISCS` are 46 and 31 at most, by the extents of their tables. */
const MAX_POINTERS = 64 * 8;
/** `PTYPE_HASH_SIZE` */
const PACKET_TYPES = 16;
/** HOSTILE: a directory in itself; /proc is four deep. */
const MAX_DEPTH = 16;
/** What entries of /proc/net are told of whose connections they show. */
const PROTOCOLS = ["tcp4", "tcp6", "udp4", "udp6", "udplite4", "udplite6"].map(
  (name) => `${name}_seq_afinfo`,
);
const TYPE_BITS = 0o170000;
const DIRECTORY = 0o040000;

/** Tables of functions that live objects lead to: /proc, file systems, socket families, terminals. */
export function* walkFunctionTables(kernel: KernelReader): Generator<FunctionTable> {
  yield* kernel.attemptWalk(walkProc(kernel), "/proc");
  yield* kernel.attemptWalk(walkFileSystems(kernel), "file systems");
  yield* kernel.attemptWalk(walkSuperBlocks(kernel), "super blocks");
  yield* kernel.attemptWalk(walkProtocols(kernel), "network protocols");
  yield* kernel.attemptWalk(walkPacketTypes(kernel), "packet types");
  yield* kernel.attemptWalk(walkTerminals(kernel), "terminals");
}

/** Entries of /proc that are the same for all processes, and of /proc/net in each namespace. */
function* walkProc(kernel: KernelReader): Generator<FunctionTable> {
  const entry = kernel.struct("proc_dir_entry");
  const name = entry.string("name");
  const mode = entry.number("mode");
  const children = entry.address("subdir");
  const data = entry.pointer("data");
  const inodeTable = entry.pointer("proc_iops");
  const fileTable = entry.pointer("proc_ops");
  const directoryTable = entry.pointer("proc_dir_ops", "proc_ops");
  // Entries that must be looked up anew each time have a flag instead since 7.0.
  const dentryTable = entry.has("proc_dops") ? entry.pointer("proc_dops") : () => gva(0n);
  const sequence = entry.pointer("seq_ops");
  const sequenceUsers = tablesCalled(kernel, "proc_seq_ops", "proc_net_seq_ops");
  const singleUsers = tablesCalled(kernel, "proc_single_ops", "proc_net_single_ops");

  const protocols = tablesCalled(kernel, ...PROTOCOLS);
  // Most entries have the same ones.
  const told = new Set<bigint>();
  const tell = function* (struct: string, at: Gva, where: () => string): Generator<FunctionTable> {
    if (told.has(at)) return;
    told.add(at);
    yield { struct, at, where };
  };

  const visit = function* (at: Gva, path: () => string, depth: number): Generator<FunctionTable> {
    kernel.budget.step();
    yield* tell("inode_operations", inodeTable(at), path);
    yield* tell("dentry_operations", dentryTable(at), path);
    // The one of a network namespace does not say so itself.
    if (depth === 0 || (mode(at) & TYPE_BITS) === DIRECTORY) {
      yield* tell("file_operations", directoryTable(at), path);
      if (depth === MAX_DEPTH) {
        throw new MemoryFault(at, `directories ${MAX_DEPTH} deep`, "a few");
      }
      for (const child of entry.rbTree(children(at), "subdir_node")) {
        yield* visit(child, () => `${path()}/${name(child)}`, depth + 1);
      }
      return;
    }
    // Those of protocols are for data of the kernel's own: `tcp4_seq_afinfo`.
    const maker = protocols.has(data(at)) ? ({ maker: "kernel" } as const) : undefined;
    const table = fileTable(at);
    if (maker === undefined) yield* tell("proc_ops", table, path);
    else yield { struct: "proc_ops", at: table, where: path, ...maker };
    if (sequenceUsers.has(table)) {
      yield { struct: "seq_operations", at: sequence(at), where: path, ...maker };
    }
    if (singleUsers.has(table)) {
      yield { struct: "proc_dir_entry", at, members: ["single_show"], where: path };
    }
  };
  yield* visit(kernel.symbol("proc_root"), () => "/proc", 0);
  const net = kernel.struct("net");
  if (!net.has("proc_net")) return;
  const ofNamespace = net.pointer("proc_net");
  for (const namespace of walkNetNamespaces(kernel)) {
    yield* visit(ofNamespace(namespace), () => "/proc/net", 0);
  }
}

function tablesCalled(kernel: KernelReader, ...names: readonly string[]): ReadonlySet<bigint> {
  return new Set(names.filter((name) => kernel.hasSymbol(name)).map((name) => kernel.symbol(name)));
}

/** `/proc/filesystems` */
function* walkFileSystems(kernel: KernelReader): Generator<FunctionTable> {
  const type = kernel.struct("file_system_type");
  const name = type.string("name");
  const owner = type.pointer("owner");
  for (const at of walkFileSystemTypes(kernel)) {
    const maker = owner(at) === 0n ? "kernel" : owner(at);
    yield { struct: "file_system_type", at, where: () => `file system ${name(at)}`, maker };
  }
}

/** Up to 7.2 each leads to the next; a list since. */
function* walkFileSystemTypes(kernel: KernelReader): Generator<Gva> {
  const type = kernel.struct("file_system_type");
  if (!type.has("next")) {
    yield* type.hlist(kernel.symbol("file_systems"), "list");
    return;
  }
  const next = type.offset("next");
  const circle = new CircleFinder();
  for (let at = kernel.link(kernel.symbol("file_systems")); at !== 0n; at = kernel.link(at, next)) {
    kernel.budget.step();
    circle.visit(at);
    yield at;
  }
}

/** Mounted file systems with what their root directories are called by. */
function* walkSuperBlocks(kernel: KernelReader): Generator<FunctionTable> {
  const type = kernel.struct("super_block");
  const name = type.string("s_type->name");
  const owner = type.pointer("s_type->owner");
  const root = type.pointer("s_root");
  const rootInode = kernel.struct("dentry").pointer("d_inode");
  const inode = kernel.struct("inode");
  const tables = [
    ["super_operations", type.pointer("s_op")],
    ["export_operations", type.pointer("s_export_op")],
    ["dentry_operations", type.pointer("s_d_op", "__s_d_op")],
  ] as const;
  const inodeTables = [
    ["inode_operations", inode.pointer("i_op")],
    ["file_operations", inode.pointer("i_fop")],
    ["address_space_operations", inode.pointer("i_data.a_ops")],
  ] as const;
  for (const at of type.list(kernel.symbol("super_blocks"), "s_list")) {
    const maker = owner(at) === 0n ? "kernel" : owner(at);
    const where = () => `super block of ${name(at)}`;
    for (const [struct, table] of tables) yield { struct, at: table(at), where, maker };
    const directory = root(at) === 0n ? gva(0n) : rootInode(root(at));
    if (directory === 0n) continue;
    for (const [struct, table] of inodeTables) {
      yield { struct, at: table(directory), where: () => `root directory of ${name(at)}`, maker };
    }
  }
}

/** Socket families and the protocols of IP. */
function* walkProtocols(kernel: KernelReader): Generator<FunctionTable> {
  const proto = kernel.struct("proto");
  const name = proto.string("name");
  for (const at of proto.list(kernel.symbol("proto_list"), "node")) {
    yield { struct: "proto", at, where: () => `protocol ${name(at)}` };
  }
  const families = kernel.symbol("net_families");
  const count = symbolExtent(kernel, families, MAX_POINTERS) / 8;
  for (let family = 0; family + 1 <= count; family += 1) {
    const at = kernel.memory.pointer(families, family * 8);
    yield { struct: "net_proto_family", at, where: () => `socket family ${family}` };
  }
  const switched = kernel.struct("inet_protosw");
  const operations = switched.pointer("ops");
  for (const table of ["inetsw", "inetsw6"]) {
    if (!kernel.hasSymbol(table)) continue;
    for (let type = 0; type < SOCKET_TYPES; type += 1) {
      const head = gva(kernel.symbol(table) + BigInt(type * 16));
      for (const at of switched.list(head, "list")) {
        yield { struct: "proto_ops", at: operations(at), where: () => `${table}[${type}]` };
      }
    }
  }
  for (const [table, struct] of [
    ["inet_protos", "net_protocol"],
    ["inet6_protos", "inet6_protocol"],
  ] as const) {
    if (!kernel.hasSymbol(table)) continue;
    for (let protocol = 0; protocol < MAX_PROTOCOLS; protocol += 1) {
      const at = kernel.memory.pointer(kernel.symbol(table), protocol * 8);
      yield { struct, at, where: () => `${table}[${protocol}]` };
    }
  }
}

/** What is given every packet, or those of one type or device: `/proc/net/ptype`. */
function* walkPacketTypes(kernel: KernelReader): Generator<FunctionTable> {
  const type = kernel.struct("packet_type");
  const walk = function* (head: Gva, where: () => string): Generator<FunctionTable> {
    for (const at of type.list(head, "list")) yield { struct: "packet_type", at, where };
  };
  const base = kernel.symbol("ptype_base");
  for (let i = 0; i < PACKET_TYPES; i += 1)
    yield* walk(gva(base + BigInt(i * 16)), () => "ptype_base");
  if (kernel.hasSymbol("ptype_all")) yield* walk(kernel.symbol("ptype_all"), () => "ptype_all");
  const net = kernel.struct("net");
  const device = kernel.struct("net_device");
  const ofDevice = device.address("ptype_all");
  const ofDeviceByType = device.address("ptype_specific");
  const name = device.string("name");
  for (const namespace of walkNetNamespaces(kernel)) {
    for (const list of ["ptype_all", "ptype_specific"]) {
      if (net.has(list)) yield* walk(net.address(list)(namespace), () => list);
    }
    for (const at of walkNetDevices(kernel, namespace)) {
      const where = () => `packets of ${name(at)}`;
      yield* walk(ofDevice(at), where);
      yield* walk(ofDeviceByType(at), where);
    }
  }
}

/** Drivers of terminals, and line disciplines, which see every key that is pressed. */
function* walkTerminals(kernel: KernelReader): Generator<FunctionTable> {
  if (!kernel.hasSymbol("tty_drivers")) return;
  const driver = kernel.struct("tty_driver");
  const name = driver.string("name");
  const operations = driver.pointer("ops");
  for (const at of driver.list(kernel.symbol("tty_drivers"), "tty_drivers")) {
    yield {
      struct: "tty_operations",
      at: operations(at),
      where: () => `terminal driver ${name(at)}`,
    };
  }
  const disciplines = kernel.symbol("tty_ldiscs");
  const count = symbolExtent(kernel, disciplines, MAX_POINTERS) / 8;
  for (let number = 0; number + 1 <= count; number += 1) {
    const at = kernel.memory.pointer(disciplines, number * 8);
    if (at === 0n) continue;
    const maker = number === 0 ? ({ maker: "kernel" } as const) : {};
    yield { struct: "tty_ldisc_ops", at, where: () => `line discipline ${number}`, ...maker };
  }
}
