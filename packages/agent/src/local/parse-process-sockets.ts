import { isIP } from "node:net";
import { CasemateError } from "@casemate/core";
import type { ProcessSocketsRow } from "@casemate/inspect";
import { parserThatThrows } from "../confined/parse-values.ts";
import type { ViewItem } from "../view-table.ts";

const limits = { families: 64, members: 4_096, groups: 4_096, endpoints: 50_000 };

const { list, number, record, text, word } = parserThatThrows(unfit);

/**
 * The row of the view `process-sockets` as a checked value.
 *
 * HOSTILE: the inspector may be in the guest's hands; what it says can harm this guest alone. Throws
 * `inspect/crashed` for what does not fit.
 */
export function parseProcessSockets(row: ViewItem | undefined): ProcessSocketsRow {
  if (row === undefined) throw unfit("no row");
  return {
    families: list(row["families"], limits.families).map((each) => {
      const { members, groups } = record(each);
      return {
        members: list(members, limits.members).map((name) => {
          return matching(name, /^[1-9]\d{0,6}@\d{1,12}\.\d\d$/);
        }),
        groups: list(groups, limits.groups).map((at) => matching(at, /^0x[0-9a-f]{1,16}$/)),
      };
    }),
    uptime: matching(row["uptime"], /^\d{1,12}\.\d\d$/),
    raw: number(row["raw"]),
    elsewhere: row["elsewhere"] !== false,
    viaKernel: row["viaKernel"] !== false,
    endpoints: list(row["endpoints"], limits.endpoints).map(parseEndpoint),
  };
}

function parseEndpoint(value: unknown): ProcessSocketsRow["endpoints"][number] {
  const { protocol, port, remote, remotePort, heldBy } = record(value);
  if (remote !== null && isIP(text(remote)) === 0) throw unfit("no address");
  return {
    protocol: word(protocol, ["tcp", "udp"]),
    port: parsePort(port),
    remote: remote === null ? null : text(remote),
    remotePort: remote === null ? null : parsePort(remotePort),
    heldBy: word(heldBy, ["family", "others", "nobody"]),
  };
}

function parsePort(value: unknown): number {
  const port = number(value);
  if (!Number.isInteger(port) || port > 65_535) throw unfit("no port");
  return port;
}

function matching(value: unknown, pattern: RegExp): string {
  if (!pattern.test(text(value))) throw unfit("another text");
  return text(value);
}

function unfit(seen: string): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    `Cannot take the inspector's answer: ${seen}, expected sockets of processes.`,
  );
}
