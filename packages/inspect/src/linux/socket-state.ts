/** A socket's state by the names of `ss`. */
export type SocketState =
  | "ESTAB"
  | "SYN-SENT"
  | "SYN-RECV"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "TIME-WAIT"
  | "UNCONN"
  | "CLOSE-WAIT"
  | "LAST-ACK"
  | "LISTEN"
  | "CLOSING"
  | "UNKNOWN";

/** `sk_state` (include/net/tcp_states.h), which all families use. */
export const SkState = {
  established: 1,
  timeWait: 6,
  close: 7,
  listen: 10,
  newSynRecv: 12,
} as const;

/** By number; `TCP_NEW_SYN_RECV` is a SYN-RECV to everybody but the kernel, `TCP_BOUND_INACTIVE` a closed one. */
const NAMES: readonly SocketState[] = [
  "UNKNOWN",
  "ESTAB",
  "SYN-SENT",
  "SYN-RECV",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "TIME-WAIT",
  "UNCONN",
  "CLOSE-WAIT",
  "LAST-ACK",
  "LISTEN",
  "CLOSING",
  "SYN-RECV",
  "UNCONN",
];

/** The name of `sk_state`. */
export function socketState(state: number): SocketState {
  return NAMES[state] ?? "UNKNOWN";
}
