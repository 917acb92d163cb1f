import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { AddressFamily } from "./socket-names.ts";
import { SkState } from "./socket-state.ts";

/** What waits to be read and to be sent. */
export interface SocketQueues {
  readonly receive: number;
  readonly send: number;
}

/** `IPPROTO_TCP`, `IPPROTO_UDP`, `IPPROTO_UDPLITE` (include/uapi/linux/in.h). */
const TCP = 6;
const UDP = 17;
const UDPLITE = 136;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;

/**
 * Reads a whole socket's queues as `ss` counts them: connections that wait and how many may for listening
 * sockets, bytes for TCP and Unix ones, memory in use for all others.
 */
export function socketQueues(kernel: KernelReader): (at: Gva) => SocketQueues {
  const sock = kernel.struct("sock");
  const family = sock.number("__sk_common.skc_family");
  const state = sock.number("__sk_common.skc_state");
  const protocol = sock.number("sk_protocol");
  const backlog = sock.number("sk_ack_backlog");
  const maxBacklog = sock.number("sk_max_ack_backlog");
  const readMemory = sock.number("sk_backlog.rmem_alloc", "sk_rmem_alloc");
  const writeMemory = sock.number("sk_wmem_alloc");
  const tcp = kernel.struct("tcp_sock");
  const received = tcp.number("rcv_nxt");
  const copied = tcp.number("copied_seq");
  const written = tcp.number("write_seq");
  const acknowledged = tcp.number("snd_una");
  const forwardDeficit = kernel.struct("udp_sock").number("forward_deficit");
  const unixQueue = unixReceiveQueue(kernel);
  const receiveLength = sock.number("sk_receive_queue.qlen");
  // `sk_wmem_alloc_get`: the socket itself counts for one.
  const send = (at: Gva) => writeMemory(at) - 1;

  return (at) => {
    const isListening = state(at) === SkState.listen;
    switch (family(at)) {
      case AddressFamily.inet:
      case AddressFamily.inet6:
        switch (protocol(at)) {
          case TCP:
            return isListening
              ? { receive: backlog(at), send: maxBacklog(at) }
              : {
                  // Sequence numbers wrap; a FIN that was read counts as one too many.
                  receive: Math.max(0, (received(at) - copied(at)) | 0),
                  send: (written(at) - acknowledged(at)) >>> 0,
                };
          case UDP:
          case UDPLITE:
            return { receive: readMemory(at) - forwardDeficit(at), send: send(at) };
          default:
            return { receive: readMemory(at), send: send(at) };
        }
      case AddressFamily.unix:
        return isListening
          ? { receive: receiveLength(at), send: maxBacklog(at) }
          : { receive: unixQueue(at), send: send(at) };
      default:
        return { receive: readMemory(at), send: send(at) };
    }
  };
}

/** `unix_inq_len`: all that is queued for a stream, the first message for datagrams. */
function unixReceiveQueue(kernel: KernelReader): (at: Gva) => number {
  const sock = kernel.struct("sock");
  const type = sock.number("sk_type");
  const head = sock.address("sk_receive_queue");
  const unix = kernel.struct("unix_sock");
  const inqLength = unix.has("inq_len") ? unix.number("inq_len") : undefined;
  const buffer = kernel.struct("sk_buff");
  const length = buffer.number("len");
  const control = buffer.offset("cb");
  const consumed = kernel.struct("unix_skb_parms").offset("consumed");
  return (at) => {
    const kind = type(at);
    if (inqLength !== undefined && kind === SOCK_STREAM) return inqLength(at);
    let sum = 0;
    for (const skb of buffer.list(head(at), "next")) {
      if (kind === SOCK_DGRAM) return length(skb);
      sum += length(skb) - kernel.memory.u32(skb, control + consumed);
    }
    return sum;
  };
}
