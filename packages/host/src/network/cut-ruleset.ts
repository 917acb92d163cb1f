import { isIPv4 } from "node:net";
import type { JsonObject, JsonValue } from "@casemate/core";
import { accept, drop, match, opensNoConnection, payload } from "./rule-expressions.ts";
import {
  casemateTable,
  type Direction,
  formatRemoval,
  formatTapChains,
  inTable,
  parseNames,
  parseTapChains,
  type TapChains,
  type TapRule,
} from "./tap-chains.ts";

/** A connection of the guest's, by its own port and the other end. */
export interface GuestConnection {
  readonly port: number;
  readonly remote: string;
  readonly remotePort: number;
}

/** What passes of a guest of which processes are cut off. */
export interface CutTraffic {
  /** Ports by which whatever comes and goes is of others, but for connections that the guest opens. */
  readonly tcpPorts: readonly number[];
  readonly udpPorts: readonly number[];
  /** Connections of others. */
  readonly open: readonly GuestConnection[];
  /** Connections that do not pass, whatever else would let them. */
  readonly closed: readonly GuestConnection[];
}

/** What passes while nothing is known of a guest: how it finds others on its network, and no more. */
export const noTraffic: CutTraffic = { tcpPorts: [], udpPorts: [], open: [], closed: [] };

/** After isolation, which wins. */
const priority = -490;

const ruleComment = "cut: ";

const connection4 = ["inet_service", "ipv4_addr", "inet_service"];
const connection6 = ["inet_service", "ipv6_addr", "inet_service"];

/** The sets that the rules ask, by what follows the prefix in their names: their types and elements. */
const sets = {
  "tcp-ports": { type: "inet_service", elements: ({ tcpPorts }: CutTraffic) => [...tcpPorts] },
  "udp-ports": { type: "inet_service", elements: ({ udpPorts }: CutTraffic) => [...udpPorts] },
  open4: { type: connection4, elements: ({ open }: CutTraffic) => connections(open, true) },
  open6: { type: connection6, elements: ({ open }: CutTraffic) => connections(open, false) },
  closed4: { type: connection4, elements: ({ closed }: CutTraffic) => connections(closed, true) },
  closed6: { type: connection6, elements: ({ closed }: CutTraffic) => connections(closed, false) },
} as const;

type SetName = keyof typeof sets;

// What nobody but the kernel sends by right, and what it takes to be found and to send packets that fit.
const outward4 = ["echo-reply", "destination-unreachable", "time-exceeded", "parameter-problem"];
const inward4 = ["echo-request", "destination-unreachable", "time-exceeded", "parameter-problem"];
const errors6 = ["destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"];
const neighbours6 = [
  ...["nd-router-solicit", "nd-router-advert", "nd-neighbor-solicit", "nd-neighbor-advert"],
  ...["nd-redirect", "mld-listener-query", "mld-listener-report", "mld-listener-done"],
  "mld2-listener-report",
];

/**
 * The commands, one transaction, that let nothing through a VM's tap devices but `traffic`.
 *
 * @param replaces what `parseCut` found there.
 */
export function formatCut(
  uuid: string,
  taps: readonly string[],
  traffic: CutTraffic,
  replaces: Pick<CutRules, "chains" | "sets">,
): JsonObject {
  const prefix = namePrefix(uuid);
  const rulesFor = (direction: Direction) => trafficRules(prefix, direction);
  return {
    nftables: [
      { add: { table: { ...casemateTable } } },
      ...formatEnd(replaces),
      ...Object.entries(sets).map(([name, { type }]) => ({
        add: {
          set: {
            ...inTable,
            name: `${prefix}${name}`,
            type: typeof type === "string" ? type : [...type],
          },
        },
      })),
      ...formatElements(prefix, traffic),
      ...formatTapChains({ prefix, taps, priority, rulesFor }),
    ],
  };
}

/** The commands, one transaction, that have `traffic` pass in place of what did. */
export function formatTraffic(uuid: string, traffic: CutTraffic): JsonObject {
  const prefix = namePrefix(uuid);
  const flush = Object.keys(sets).map((name) => ({
    flush: { set: { ...inTable, name: `${prefix}${name}` } },
  }));
  return { nftables: [...flush, ...formatElements(prefix, traffic)] };
}

/** The commands that take it all away. */
export function formatRejoin(found: Pick<CutRules, "chains" | "sets">): JsonObject {
  return { nftables: formatEnd(found) };
}

/** What stands in the table about one VM of which processes are cut off. */
export interface CutRules extends Omit<TapChains, "comments"> {
  readonly sets: readonly string[];
}

/** Reads what `nft -j list table` says of a VM. */
export function parseCut(listing: unknown, uuid: string): CutRules {
  const prefix = namePrefix(uuid);
  const isKnown = (comment: string) => comment.startsWith(ruleComment);
  const { comments: _, ...found } = parseTapChains(listing, prefix, isKnown);
  return { ...found, sets: parseNames(listing, "set", prefix) };
}

function namePrefix(uuid: string): string {
  return `cut-${uuid.toLowerCase()}-`;
}

function formatEnd({ chains, sets: names }: Pick<CutRules, "chains" | "sets">): JsonObject[] {
  return [
    ...formatRemoval(chains),
    ...names.map((name) => ({ delete: { set: { ...inTable, name } } })),
  ];
}

function formatElements(prefix: string, traffic: CutTraffic): JsonObject[] {
  return Object.entries(sets).flatMap(([name, { elements }]) => {
    const elem: JsonValue[] = [...elements(traffic)];
    // nft takes no empty list.
    if (elem.length === 0) return [];
    return [{ add: { element: { ...inTable, name: `${prefix}${name}`, elem } } }];
  });
}

function connections(all: readonly GuestConnection[], isFour: boolean): JsonValue[] {
  return all
    .filter(({ remote }) => isIPv4(remote) === isFour)
    .map(({ port, remote, remotePort }) => ({ concat: [port, remote, remotePort] }));
}

/** What passes, and what does not whatever passes; IP that is in fragments has no ports, and does not. */
function trafficRules(prefix: string, direction: Direction): TapRule[] {
  const [own, far, peer] =
    direction === "out"
      ? (["sport", "dport", "daddr"] as const)
      : (["dport", "sport", "saddr"] as const);
  const isIn = (left: JsonValue, name: SetName) => match("==", left, `@${prefix}${name}`);
  const connection = (family: "ip" | "ip6") => ({
    concat: [payload("tcp", own), payload(family, peer), payload("tcp", far)],
  });
  const rule = (what: string, ...expr: readonly JsonObject[]) => ({
    ...{ expr, comment: `${ruleComment}${what}` },
  });
  const types = (protocol: "icmp" | "icmpv6", set: readonly string[]) =>
    match("==", payload(protocol, "type"), { set: [...set] });
  return [
    rule("no connections of theirs", isIn(connection("ip"), "closed4"), drop),
    rule("no connections of theirs", isIn(connection("ip6"), "closed6"), drop),
    rule("neighbours", match("==", { meta: { key: "protocol" } }, "arp"), accept),
    rule("groups", match("==", payload("ip", "protocol"), "igmp"), accept),
    rule("errors", types("icmp", direction === "out" ? outward4 : inward4), accept),
    rule("neighbours", types("icmpv6", neighbours6), accept),
    rule(
      "errors",
      types("icmpv6", [direction === "out" ? "echo-reply" : "echo-request", ...errors6]),
      accept,
    ),
    rule(
      "ports of others",
      isIn(payload("tcp", own), "tcp-ports"),
      ...(direction === "out" ? [opensNoConnection] : []),
      accept,
    ),
    rule("ports of others", isIn(payload("udp", own), "udp-ports"), accept),
    rule("connections of others", isIn(connection("ip"), "open4"), accept),
    rule("connections of others", isIn(connection("ip6"), "open6"), accept),
  ];
}
