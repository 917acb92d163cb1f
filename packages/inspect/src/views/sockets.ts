import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { socketAddresses } from "../linux/socket-address.ts";
import { socketInode } from "../linux/socket-inode.ts";
import { AddressFamily, familyName, protocolName, socketTypeName } from "../linux/socket-names.ts";
import { socketQueues } from "../linux/socket-queues.ts";
import { SkState, type SocketState, socketState } from "../linux/socket-state.ts";
import { netDeviceNames } from "../linux/walk-net-devices.ts";
import { walkSocketFiles } from "../linux/walk-socket-files.ts";
import { walkSockets } from "../linux/walk-sockets.ts";
import { defineView } from "./define-view.ts";

/** A process that has a socket open. */
export interface SocketOwner {
  readonly pid: number;
  readonly fd: number;
  /** HOSTILE: processes name themselves. */
  readonly name: string;
}

export interface SocketRow {
  /** `tcp`, `udp`, `udplite`, `icmp`, `raw`, `mptcp`, `packet`, `unix`, `netlink`, `xdp`, `vsock`, … */
  readonly protocol: string;
  /** `inet`, `inet6`, `unix`, … */
  readonly family: string;
  /** `stream`, `dgram`, `raw`, `seqpacket`, … */
  readonly type: string;
  readonly state: SocketState;
  /** An IP address, a path (abstract ones with `@` first), a device, or a netlink protocol. HOSTILE. */
  readonly local: string;
  /** A port; IP protocol of a raw, EtherType of a packet, port id of a netlink, queue of an XDP socket. */
  readonly localPort: number | null;
  readonly remote: string;
  readonly remotePort: number | null;
  /** As `ss` has them: connections of listening sockets, bytes of others. */
  readonly receiveQueue: number;
  readonly sendQueue: number;
  /** What /proc/PID/fd shows in `socket:[…]`; 0 where the socket has no file. */
  readonly inode: number;
  /** Inode of the other end of a Unix socket; null where there is none. */
  readonly peerInode: number | null;
  /** As the initial user namespace counts; null where the kernel no longer keeps it (TIME-WAIT). */
  readonly uid: number | null;
  /** The device it is bound to; null for all of them. */
  readonly device: string | null;
  /** Inode of the network namespace, as in /proc/PID/ns/net. */
  readonly netNamespace: number;
  /** Made by the kernel for itself. */
  readonly kernel: boolean;
  readonly owners: readonly SocketOwner[];
  /**
   * Where it was found: the kernel's tables of sockets, the open files of processes. Sockets that were never
   * bound or connected are in no table by right, but for raw, packet and Unix ones.
   */
  readonly seenIn: readonly ("hash" | "files")[];
  /** Address of its `struct sock`. */
  readonly sock: string;
}

/** Sockets of all kinds in all network namespaces: what `ss -a` shows, and those it does not. */
export const sockets = defineView({
  id: "sockets",
  kind: "SocketList",
  title: "Sockets",
  needs: ["kernelMetadata"],
  read({ kernel }): readonly SocketRow[] {
    const hashed = new Set(walkSockets(kernel));
    const owners = readOwners(kernel);
    const row = socketRow(kernel);
    const rows: SocketRow[] = [];
    kernel.each("sock", new Set([...hashed, ...owners.keys()]), (at) => {
      const holders = owners.get(at);
      const inFiles = holders === undefined ? [] : (["files"] as const);
      rows.push(
        row(at, holders ?? [], [...(hashed.has(at) ? (["hash"] as const) : []), ...inFiles]),
      );
    });
    return rows;
  },
  columns: [
    { key: "protocol", title: "PROTOCOL" },
    { key: "state", title: "STATE" },
    { key: "receiveQueue", title: "RECV-Q", align: "right" },
    { key: "sendQueue", title: "SEND-Q", align: "right" },
    { key: "local", title: "LOCAL", text: (row) => endText(row.family, row.local, row.localPort) },
    {
      key: "remote",
      title: "REMOTE",
      text: (row) => endText(row.family, row.remote, row.remotePort),
    },
    { key: "device", title: "DEVICE", text: ({ device }) => device ?? "-" },
    { key: "uid", title: "UID", align: "right", text: ({ uid }) => String(uid ?? "-") },
    { key: "inode", title: "INODE", align: "right" },
    { key: "seenIn", title: "SEEN IN", text: ({ seenIn }) => seenIn.join(" ") },
    { key: "owners", title: "OWNERS", text: ownersText },
  ],
});

/** Processes by the sockets they have open. */
function readOwners(kernel: KernelReader): ReadonlyMap<Gva, readonly SocketOwner[]> {
  const task = kernel.struct("task_struct");
  const pid = task.number("tgid");
  const name = task.string("comm");
  const owners = new Map<Gva, SocketOwner[]>();
  for (const { sock, task: at, fd } of walkSocketFiles(kernel)) {
    const owner = { pid: pid(at), fd, name: name(at) };
    const others = owners.get(sock);
    if (others === undefined) owners.set(sock, [owner]);
    else if (!others.some((other) => other.pid === owner.pid && other.fd === fd)) {
      others.push(owner);
    }
  }
  return owners;
}

/** What is read of a whole socket only. */
type WholeSocket = Pick<
  SocketRow,
  | "protocol"
  | "family"
  | "type"
  | "receiveQueue"
  | "sendQueue"
  | "inode"
  | "peerInode"
  | "uid"
  | "kernel"
>;

function socketRow(
  kernel: KernelReader,
): (at: Gva, owners: SocketRow["owners"], seenIn: SocketRow["seenIn"]) => SocketRow {
  const common = kernel.struct("sock_common");
  const family = common.number("skc_family");
  const state = common.number("skc_state");
  const net = common.pointer("skc_net");
  const device = common.number("skc_bound_dev_if");
  const namespaceOf = kernel.struct("net").number("ns.inum");
  const deviceName = netDeviceNames(kernel);
  const addresses = socketAddresses(kernel);
  const substate = kernel.struct("inet_timewait_sock").number("tw_substate");
  const listenerUid = kernel.struct("request_sock").number("__req_common.skc_listener->sk_uid");
  const whole = wholeSocket(kernel);

  return (at, owners, seenIn) => {
    const { local, remote } = addresses(at);
    const kind = family(at);
    const number = state(at);
    const isInternet = kind === AddressFamily.inet || kind === AddressFamily.inet6;
    const isTimeWait = isInternet && number === SkState.timeWait;
    const isRequest = isInternet && number === SkState.newSynRecv;
    const bound = device(at);
    const rest =
      isTimeWait || isRequest ? remnant(kind, isRequest ? listenerUid(at) : null) : whole(at);
    const namespace = net(at);
    return {
      protocol: rest.protocol,
      family: rest.family,
      type: rest.type,
      // A FIN-WAIT-2 that goes on in the small struct is one to the outside.
      state: socketState(isTimeWait ? substate(at) : number),
      local: local.address,
      localPort: local.port,
      remote: remote.address,
      remotePort: remote.port,
      receiveQueue: rest.receiveQueue,
      sendQueue: rest.sendQueue,
      inode: rest.inode,
      peerInode: rest.peerInode,
      uid: rest.uid,
      device: bound === 0 ? null : deviceName(namespace, bound),
      netNamespace: namespaceOf(namespace),
      kernel: rest.kernel,
      owners,
      seenIn,
      sock: `0x${at.toString(16)}`,
    };
  };
}

/** TCP before and after there is a whole socket. */
function remnant(family: number, uid: number | null): WholeSocket {
  return {
    protocol: "tcp",
    family: familyName(family),
    type: "stream",
    receiveQueue: 0,
    sendQueue: 0,
    inode: 0,
    peerInode: null,
    uid,
    kernel: false,
  };
}

function wholeSocket(kernel: KernelReader): Accessor<WholeSocket> {
  const sock = kernel.struct("sock");
  const family = sock.number("__sk_common.skc_family");
  const type = sock.number("sk_type");
  const protocol = sock.number("sk_protocol");
  const uid = sock.number("sk_uid");
  const isKernel = sock.number("sk_kern_sock");
  const peer = kernel.struct("unix_sock").pointer("peer");
  const inode = socketInode(kernel);
  const queues = socketQueues(kernel);
  return (at) => {
    const kind = family(at);
    const sort = type(at);
    const other = kind === AddressFamily.unix ? peer(at) : 0n;
    const { receive, send } = queues(at);
    return {
      protocol: protocolName(kind, sort, protocol(at)),
      family: familyName(kind),
      type: socketTypeName(sort),
      receiveQueue: receive,
      sendQueue: send,
      inode: inode(at),
      peerInode: other === 0n ? null : inode(other as Gva), // not NULL: still the pointer it was read as
      uid: uid(at),
      kernel: isKernel(at) !== 0,
    };
  };
}

function endText(family: string, address: string, port: number | null): string {
  if (port === null) return address === "" ? "*" : address;
  return `${family === "inet6" ? `[${address}]` : address}:${port}`;
}

function ownersText({ owners, kernel }: SocketRow): string {
  if (kernel && owners.length === 0) return "kernel";
  return owners.map(({ name, pid, fd }) => `${name}(${pid}):${fd}`).join(" ") || "-";
}
