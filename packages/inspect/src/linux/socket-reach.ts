import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { AddressFamily, SOCK_RAW } from "./socket-names.ts";

/** What sockets let their holders do that shows in no port. */
export interface SocketReach {
  /** How many send packets of any kind: raw, packet, XDP and ping ones. */
  readonly raw: number;
  /** Whether they or their holders are in a network namespace that is not the guest's first. */
  readonly elsewhere: boolean;
  /** Whether some are of a kind for which the kernel makes sockets of its own: SMC, RxRPC, RDS, … */
  readonly viaKernel: boolean;
}

// include/uapi/linux/in.h
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
/** `AF_ALG` (include/linux/socket.h), of which no packets come, as of these others. */
const AF_ALG = 38;
const local: readonly number[] = [
  AddressFamily.unix,
  AddressFamily.netlink,
  AddressFamily.vsock,
  AF_ALG,
];

/** Looks at processes, by their leaders, and the sockets that they have open. */
export function socketReach(
  kernel: KernelReader,
  processes: readonly Gva[],
  sockets: ReadonlySet<Gva>,
): SocketReach {
  const sock = kernel.struct("sock");
  const family = sock.number("__sk_common.skc_family");
  const net = sock.pointer("__sk_common.skc_net");
  const type = sock.number("sk_type");
  const protocol = sock.number("sk_protocol");
  const first = kernel.symbol("init_net");
  let raw = 0;
  const proxy = kernel.struct("task_struct").pointer("nsproxy");
  const used = kernel.struct("nsproxy").pointer("net_ns");
  let elsewhere = processes.some((at) => {
    const namespaces = proxy(at);
    return namespaces !== 0n && used(namespaces) !== first; // 0: it is about to end
  });
  let viaKernel = false;
  for (const at of sockets) {
    const kind = family(at);
    if (local.includes(kind)) continue;
    if (net(at) !== first) elsewhere = true;
    const isInternet = kind === AddressFamily.inet || kind === AddressFamily.inet6;
    const isPing = [IPPROTO_ICMP, IPPROTO_ICMPV6].includes(protocol(at));
    if (isInternet) raw += type(at) === SOCK_RAW || isPing ? 1 : 0;
    else if (kind === AddressFamily.packet || kind === AddressFamily.xdp) raw += 1;
    else viaKernel = true;
  }
  return { raw, elsewhere, viaKernel };
}
