import type { JsonObject } from "@casemate/core";
import { type ForensicChannel, formatForensicChannel } from "./forensic-channel.ts";
import { accept, match, opensNoConnection, payload } from "./rule-expressions.ts";
import {
  casemateTable,
  type Direction,
  formatRemoval,
  formatTapChains,
  parseTapChains,
  type TapChains,
} from "./tap-chains.ts";

/** Before all that Casemate hooks there otherwise: what is isolated is, whatever others let pass. */
const priority = -500;

/** What is written beside a rule: the rules that a reader looks for are known by it. */
const keepComment = "keep ";
const viaWord = " via ";

/**
 * The commands, one transaction, that let no frame of a VM's tap devices through but the channel's.
 *
 * @param replaces chains that go in the same transaction.
 */
export function formatIsolation(
  uuid: string,
  taps: readonly string[],
  channel: ForensicChannel | undefined,
  replaces: readonly string[],
): JsonObject {
  const rulesFor = (direction: Direction) =>
    channel === undefined
      ? []
      : keepRules(direction, channel).map((expr) => ({ expr, comment: formatKeep(channel) }));
  return {
    nftables: [
      { add: { table: { ...casemateTable } } },
      ...formatRemoval(replaces),
      ...formatTapChains({ prefix: chainPrefix(uuid), taps, priority, rulesFor }),
    ],
  };
}

/** The commands that take a VM's chains away. */
export function formatRelease(chains: readonly string[]): JsonObject {
  return { nftables: formatRemoval(chains) };
}

/** What stands in the table about one VM that is isolated. */
export interface IsolationRules extends Omit<TapChains, "comments"> {
  /** What is kept open, as `parseForensicChannel` takes it. */
  readonly keep: { readonly keep: string; readonly via: string | undefined } | undefined;
}

/** Reads what `nft -j list table` says of a VM. */
export function parseIsolation(listing: unknown, uuid: string): IsolationRules {
  const isKnown = (comment: string) => comment.startsWith(keepComment);
  const { comments, ...found } = parseTapChains(listing, chainPrefix(uuid), isKnown);
  const [kept] = comments;
  return { ...found, keep: kept === undefined ? undefined : parseKeep(kept) };
}

function chainPrefix(uuid: string): string {
  return `vm-${uuid.toLowerCase()}-`;
}

/**
 * What passes for the channel: its TCP connections, opened from outside alone, and how both find each other
 * on the VM's own network (ARP, neighbour discovery). Without state, for these hooks have none.
 */
function keepRules(direction: Direction, channel: ForensicChannel): JsonObject[][] {
  const { family, address, prefix, port, via } = channel;
  const peer = direction === "out" ? "daddr" : "saddr";
  const network = { prefix: { addr: address, len: prefix } };
  const peers = [network, ...(via === undefined ? [] : [via])];
  const fromNetwork = match("==", payload(family, peer), network);
  const tcp = [
    fromNetwork,
    match("==", payload("tcp", direction === "out" ? "sport" : "dport"), port),
    // The guest opens none.
    ...(direction === "out" ? [opensNoConnection] : []),
    accept,
  ];
  const neighbours = peers.map((one) =>
    family === "ip"
      ? [match("==", payload("arp", `${peer} ip`), one), accept]
      : [
          match("==", payload("ip6", peer), one),
          match("==", payload("icmpv6", "type"), {
            set: ["nd-neighbor-solicit", "nd-neighbor-advert"],
          }),
          accept,
        ],
  );
  return [tcp, ...neighbours];
}

function formatKeep(channel: ForensicChannel): string {
  const via = channel.via === undefined ? "" : `${viaWord}${channel.via}`;
  return `${keepComment}${formatForensicChannel(channel)}${via}`;
}

function parseKeep(comment: string): { keep: string; via: string | undefined } {
  const [keep = "", via] = comment.slice(keepComment.length).split(viaWord);
  return { keep, via };
}
