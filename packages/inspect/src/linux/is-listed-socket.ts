import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { AddressFamily, SOCK_RAW } from "./socket-names.ts";
import { SkState } from "./socket-state.ts";

// include/uapi/linux/in.h
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_UDPLITE = 136;
/** `TCP_BOUND_INACTIVE` (include/net/tcp_states.h): no state of a socket, but of what is told of one. */
const BOUND_INACTIVE = 13;

/**
 * Reads whether the whole `struct sock` at an address is in one of the kernel's tables by right, those that
 * `walkSockets` reads: TCP that listens or is connected, UDP with a port, raw, packet and Unix ones. Of other
 * kinds it cannot be told.
 */
export function isListedSocket(kernel: KernelReader): Accessor<boolean> {
  const sock = kernel.struct("sock");
  const family = sock.number("__sk_common.skc_family");
  const state = sock.number("__sk_common.skc_state");
  const port = sock.number("__sk_common.skc_num");
  const type = sock.number("sk_type");
  const protocol = sock.number("sk_protocol");
  const socket = sock.pointer("sk_socket");
  const isKernel = sock.number("sk_kern_sock");
  return (at) => {
    switch (family(at)) {
      case AddressFamily.inet:
      case AddressFamily.inet6: {
        // The kernel takes its own raw sockets out, by which it only sends: `inet_ctl_sock_create`.
        if (type(at) === SOCK_RAW) return port(at) !== 0 && isKernel(at) === 0;
        const kind = protocol(at);
        if (kind === IPPROTO_UDP || kind === IPPROTO_UDPLITE) return port(at) !== 0;
        const now = state(at);
        const isConnected = now !== SkState.close && now > 0 && now < BOUND_INACTIVE;
        return kind === IPPROTO_TCP && isConnected;
      }
      case AddressFamily.packet:
      case AddressFamily.unix:
        // What was closed is kept for as long as its messages are.
        return socket(at) !== 0n;
      default:
        return false;
    }
  };
}
