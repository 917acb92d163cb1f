import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { CasemateError } from "@casemate/core";
import type { Severity } from "@casemate/inspect";
import type { Channel } from "./channel.ts";
import { formatSyslog } from "./format-syslog.ts";

/** How long a server may take to take a line, in milliseconds. */
const PATIENCE = 10_000;
/** How long it may take to close, in milliseconds. */
const LINGER = 1_000;

/** Where a syslog server is. */
export type SyslogAddress =
  | { readonly kind: "udp" | "tcp" | "tls"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

const ports = { udp: 514, tcp: 601, tls: 6_514 } as const;

/** Throws `config/invalid`. */
export function parseSyslogAddress(address: string): SyslogAddress {
  if (address.startsWith("unix:/")) return { kind: "unix", path: address.slice("unix:".length) };
  const [, kind, host, port] =
    /^(udp|tcp|tls):\/\/(\[[0-9a-f:.]+\]|[^:/]+)(?::(\d{1,5}))?\/?$/i.exec(address) ?? [];
  if ((kind === "udp" || kind === "tcp" || kind === "tls") && host !== undefined) {
    const bare = host.replaceAll(/[[\]]/g, "");
    return { kind, host: bare, port: port === undefined ? ports[kind] : Number(port) };
  }
  throw new CasemateError(
    "config/invalid",
    `Cannot use the syslog address ${address}: expected udp://HOST:PORT, tcp://, tls:// or unix:/PATH.`,
  );
}

/**
 * Findings as lines of syslog (RFC 5424): over UDP (RFC 5426), or counted in octets over TCP, TLS (RFC 5425)
 * and stream sockets of this machine.
 *
 * @param options.authorities certificates that a TLS server is trusted by; the system's where undefined
 */
export function syslog(options: {
  readonly name: string;
  readonly address: SyslogAddress;
  readonly authorities: string | undefined;
  readonly least: Severity;
}): Channel {
  const { name, address, authorities, least } = options;
  return {
    ...{ name, least },
    async send(message, signal) {
      const line = Buffer.from(formatSyslog(message));
      const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
      if (address.kind === "udp") await sendDatagram(address, line);
      else await sendCounted(address, line, authorities, patience);
    },
  };
}

async function sendDatagram(
  { host, port }: { readonly host: string; readonly port: number },
  line: Uint8Array,
): Promise<void> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      socket.send(line, port, host, (error) => (error === null ? resolve() : reject(error)));
    });
  } finally {
    socket.close();
  }
}

/** RFC 5425, 4.3: the length in octets and a space before it. */
async function sendCounted(
  address: Exclude<SyslogAddress, { readonly kind: "udp" }>,
  line: Uint8Array,
  authorities: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const socket = open(address, authorities);
  const stop = () => socket.destroy(new Error("it was not taken in time"));
  signal.addEventListener("abort", stop, { once: true });
  try {
    await once(socket, address.kind === "tls" ? "secureConnect" : "connect");
    socket.end(Buffer.concat([Buffer.from(`${line.length} `), line]));
    socket.resume();
    await once(socket, "finish");
    // Closed by the other side, too: it has read all of it. Some leave that open for more.
    await Promise.race([once(socket, "close"), sleep(LINGER)]);
  } finally {
    signal.removeEventListener("abort", stop);
    socket.destroy();
  }
}

type Stream = Exclude<SyslogAddress, { readonly kind: "udp" }>;

function open(address: Stream, authorities: string | undefined): Socket {
  if (address.kind === "unix") return connectPlain({ path: address.path });
  const { kind, host, port } = address;
  if (kind !== "tls") return connectPlain({ host, port });
  const ca = authorities === undefined ? {} : { ca: authorities };
  // A certificate is for a name (RFC 6066, 3): an address is none.
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, minVersion: "TLSv1.2", ...ca, ...name });
}
