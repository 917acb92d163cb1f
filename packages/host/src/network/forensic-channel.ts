import { isIPv4, isIPv6 } from "node:net";
import { CasemateError } from "@casemate/core";

/** Who may still open TCP connections to an isolated VM, and to which of its ports. */
export interface ForensicChannel {
  readonly family: "ip" | "ip6";
  /** An address of the network that may, and the length of its prefix in bits. */
  readonly address: string;
  readonly prefix: number;
  readonly port: number;
  /** The router on the VM's own network that leads there; undefined where they are on that network. */
  readonly via: string | undefined;
}

/** As people write it: `192.0.2.7:22`, `192.0.2.0/24:22`, `[2001:db8::/64]:22`. */
const written = /^(?:\[([0-9a-f:.]+)(?:\/(\d{1,3}))?\]|([\d.]+)(?:\/(\d{1,2}))?):(\d{1,5})$/i;

/** Throws `usage` where `keep` is no network with a port, or `via` no address of its family. */
export function parseForensicChannel(keep: string, via?: string): ForensicChannel {
  const [, six, sixPrefix, four, fourPrefix, portText] = written.exec(keep) ?? [];
  const family = six === undefined ? "ip" : "ip6";
  const isAddress = family === "ip" ? isIPv4 : isIPv6;
  const address = six ?? four ?? "";
  const bits = family === "ip" ? 32 : 128;
  const prefix = Number(sixPrefix ?? fourPrefix ?? bits);
  const port = Number(portText);
  if (!isAddress(address) || prefix > bits || port < 1 || port > 65_535) {
    throw new CasemateError(
      "usage",
      `Cannot keep a channel open: "${keep}" was said, expected a network and a port as 192.0.2.0/24:22 or [2001:db8::/64]:22.`,
    );
  }
  if (via !== undefined && (!isAddress(via) || via.includes("%"))) {
    throw new CasemateError(
      "usage",
      `Cannot keep a channel open through "${via}": expected an address of the same family as ${keep}.`,
    );
  }
  return { family, address, prefix, port, via };
}

/** The channel's `keep`, as it is parsed. */
export function formatForensicChannel({ family, address, prefix, port }: ForensicChannel): string {
  return family === "ip" ? `${address}/${prefix}:${port}` : `[${address}/${prefix}]:${port}`;
}
