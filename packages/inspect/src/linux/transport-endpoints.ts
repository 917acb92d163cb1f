import { CasemateError, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { socketAddresses } from "./socket-address.ts";
import type { SocketHolders } from "./socket-holders.ts";
import { AddressFamily, protocolName, SOCK_RAW } from "./socket-names.ts";
import { SkState } from "./socket-state.ts";
import { walkSockets } from "./walk-sockets.ts";

/** Where packets of TCP or UDP arrive, and whose they are. */
export interface TransportEndpoint {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** The other end of a TCP connection; null of what listens, of what is bound and of UDP. */
  readonly remote: string | null;
  readonly remotePort: number | null;
  /** Who has it open; of several the first: a family, others (the kernel too), nobody that is known. */
  readonly heldBy: "family" | "others" | "nobody";
}

/** HOSTILE: the guest decides how many there are. */
const MAX_ENDPOINTS = 50_000;
const MAPPED = "::ffff:";

/**
 * All ports and connections of TCP and UDP, each once.
 *
 * @param options.doubtful whether sockets that the kernel made may be a family's.
 */
export function transportEndpoints(
  kernel: KernelReader,
  { family, others }: Pick<SocketHolders, "family" | "others">,
  { doubtful }: { readonly doubtful: boolean },
): readonly TransportEndpoint[] {
  const found = new Map<string, TransportEndpoint>();
  const read = endpointReader(kernel);
  const partOf = mptcpParts(kernel);
  const holder = (at: Gva, isKernel: boolean): TransportEndpoint["heldBy"] => {
    const owner = partOf(at);
    if (family.has(owner)) return "family";
    if (others.has(owner)) return "others";
    return isKernel && owner === at && !doubtful ? "others" : "nobody";
  };
  const note = (at: Gva) => {
    const endpoint = read(at);
    if (endpoint === undefined) return;
    const { protocol, port, remote, remotePort, isKernel, isBound } = endpoint;
    const heldBy = holder(at, isKernel);
    // By a port that is bound alone nobody is reached; that it is a family's counts.
    if (isBound && heldBy !== "family") return;
    const key = `${protocol} ${port} ${remote} ${remotePort}`;
    const before = found.get(key)?.heldBy ?? "nobody";
    const first = before === "family" || (before === "others" && heldBy === "nobody");
    found.set(key, { protocol, port, remote, remotePort, heldBy: first ? before : heldBy });
    if (found.size > MAX_ENDPOINTS) throw tooMany();
  };
  kernel.each("sock", new Set([...walkSockets(kernel), ...family, ...others]), note);
  return [...found.values()];
}

/** Without the connections of others at ports of others. */
export function withoutConnectionsAtPorts(
  endpoints: readonly TransportEndpoint[],
): readonly TransportEndpoint[] {
  const isOthers = ({ heldBy }: TransportEndpoint) => heldBy === "others";
  const ports = new Set(
    endpoints
      .filter((each) => each.protocol === "tcp" && each.remote === null && isOthers(each))
      .map(({ port }) => port),
  );
  return endpoints.filter((each) => {
    return each.remote === null || !isOthers(each) || !ports.has(each.port);
  });
}

interface ReadEndpoint extends Omit<TransportEndpoint, "heldBy"> {
  readonly isKernel: boolean;
  /** A port of TCP at which nobody listens. */
  readonly isBound: boolean;
}

/** Reads the endpoint of a `struct sock`; undefined of what has no port of its own. */
function endpointReader(kernel: KernelReader): (at: Gva) => ReadEndpoint | undefined {
  const common = kernel.struct("sock_common");
  const family = common.number("skc_family");
  const state = common.number("skc_state");
  const sock = kernel.struct("sock");
  const type = sock.number("sk_type");
  const protocol = sock.number("sk_protocol");
  const made = sock.number("sk_kern_sock");
  const addresses = socketAddresses(kernel);
  return (at) => {
    const kind = family(at);
    if (kind !== AddressFamily.inet && kind !== AddressFamily.inet6) return undefined;
    const now = state(at);
    // A connection that is not yet one comes with the port that listens.
    if (now === SkState.newSynRecv) return undefined;
    const isPart = now === SkState.timeWait;
    if (!isPart && type(at) === SOCK_RAW) return undefined;
    const name = isPart ? "tcp" : protocolName(kind, type(at), protocol(at));
    if (name !== "tcp" && name !== "udp") return undefined;
    const { local, remote } = addresses(at);
    const port = local.port ?? 0;
    if (port === 0) return undefined;
    const isKernel = !isPart && made(at) !== 0;
    const isConnection = name === "tcp" && now !== SkState.listen && now !== SkState.close;
    const isBound = name === "tcp" && now === SkState.close;
    const end = { protocol: name, port, isKernel, isBound } as const;
    if (!isConnection) return { ...end, remote: null, remotePort: null };
    const { address } = remote;
    const plain = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address;
    return { ...end, remote: plain, remotePort: remote.port };
  };
}

/** The socket that a program has open for one that MPTCP made beneath it; of all others themselves. */
function mptcpParts(kernel: KernelReader): (at: Gva) => Gva {
  const name = "mptcp_subflow_context";
  const tcp = kernel.struct("tcp_sock");
  if (!kernel.hasStruct(name) || !tcp.has("is_mptcp")) return (at) => at;
  const common = kernel.struct("sock_common");
  const state = common.number("skc_state");
  const protocol = kernel.struct("sock").number("sk_protocol");
  const isPart = tcp.number("is_mptcp");
  const context = kernel.struct("inet_connection_sock").pointer("icsk_ulp_data");
  const whole = kernel.struct(name).pointer("conn");
  return (at) => {
    if (state(at) === SkState.timeWait || protocol(at) !== IPPROTO_TCP || isPart(at) === 0) {
      return at;
    }
    const of = context(at);
    return of === 0n ? of : whole(of);
  };
}

/** include/uapi/linux/in.h */
const IPPROTO_TCP = 6;

function tooMany(): CasemateError {
  return new CasemateError(
    "inspect/budget",
    `Cannot tell whose the guest's connections are: there are more than ${MAX_ENDPOINTS}, expected fewer.`,
  );
}
