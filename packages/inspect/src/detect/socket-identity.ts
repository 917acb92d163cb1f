import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { type SocketAddress, socketAddresses } from "../linux/socket-address.ts";
import { protocolName } from "../linux/socket-names.ts";

/** Says which whole `struct sock` one is: by its protocol, both its ends and its address. */
export function socketIdentity(kernel: KernelReader): (sock: Gva) => {
  /** `tcp socket 10.0.0.2:22 to 10.0.0.1:50122 at 0xffff…`. */
  readonly key: string;
  /** The same with a capital letter and without its address, for people. HOSTILE: paths of Unix sockets. */
  readonly name: string;
} {
  const sock = kernel.struct("sock");
  const family = sock.number("__sk_common.skc_family");
  const type = sock.number("sk_type");
  const protocol = sock.number("sk_protocol");
  const addresses = socketAddresses(kernel);
  return (at) => {
    const { local, remote } = addresses(at);
    const kind = protocolName(family(at), type(at), protocol(at));
    const isConnected = remote.address !== "" && remote.port !== 0;
    const what = `${kind} socket ${format(local)}${isConnected ? ` to ${format(remote)}` : ""}`;
    return {
      key: `${what} at ${formatAddress(at)}`,
      name: what.replace(/^./, (first) => first.toUpperCase()),
    };
  };
}

function format({ address, port }: SocketAddress): string {
  const end = address === "" ? "without a name" : address.includes(":") ? `[${address}]` : address;
  return port === null ? end : `${end}:${port}`;
}
