import type { JsonObject, JsonValue } from "@casemate/core";
import { type ForensicChannel, formatForensicChannel } from "./forensic-channel.ts";

/** Casemate's table; nothing else is in it, and Casemate touches no other. */
export const isolationTable = { family: "netdev", name: "casemate" } as const;

/** Before what others hook there, so that they cannot hand packets on first. */
const priority = -500;

type Direction = "out" | "in";

/** By direction, as the guest sees it: where the kernel hooks it, and what it calls the device there. */
const hooks = {
  out: { hook: "ingress", device: "iif" },
  in: { hook: "egress", device: "oif" },
} as const;

/** What is written beside a rule: the rules that a reader looks for are known by it. */
const guardComment = "only the device that was there";
const keepComment = "keep ";
const viaWord = " via ";

/**
 * The commands, one transaction, that let no frame of a VM's tap devices through but the channel's.
 *
 * The hooks are the devices' own (netdev, Linux 5.16): they come before bridges, Open vSwitch and macvtap,
 * and hold whatever addresses the guest makes up. Each chain drops what no rule accepts, and first lets
 * pass what is of another device: the kernel hooks a chain to a new device of an old name (Linux 6.16), and
 * that is another VM's.
 *
 * @param replaces chains that go in the same transaction.
 */
export function formatIsolation(
  uuid: string,
  taps: readonly string[],
  channel: ForensicChannel | undefined,
  replaces: readonly string[],
): JsonObject {
  const commands: JsonObject[] = [{ add: { table: { ...isolationTable } } }];
  commands.push(...formatRemoval(replaces));
  for (const tap of taps) {
    for (const direction of ["out", "in"] as const) {
      const { hook, device } = hooks[direction];
      const chain = `${chainPrefix(uuid)}${direction}-${tap}`;
      const inTable = { family: isolationTable.family, table: isolationTable.name };
      const base = { type: "filter", hook, dev: tap, prio: priority, policy: "drop" };
      commands.push({ add: { chain: { ...inTable, name: chain, ...base } } });
      const add = (expr: readonly JsonObject[], comment?: string): void => {
        const said = comment === undefined ? {} : { comment };
        commands.push({ add: { rule: { ...inTable, chain, ...said, expr } } });
      };
      add([match("!=", { meta: { key: device } }, tap), accept], guardComment);
      if (channel !== undefined) {
        for (const expr of keepRules(direction, channel)) add(expr, formatKeep(channel));
      }
      add([{ counter: null }, { drop: null }]);
    }
  }
  return { nftables: commands };
}

/** The commands that take a VM's chains away. */
export function formatRelease(chains: readonly string[]): JsonObject {
  return { nftables: formatRemoval(chains) };
}

/** What stands in the table about one VM. */
export interface IsolationRules {
  /** All chains of the VM, those of devices that are gone too. */
  readonly chains: readonly string[];
  /** Devices that nothing passes in either direction but the channel. */
  readonly taps: readonly string[];
  /** What is kept open, as `parseForensicChannel` takes it. */
  readonly keep: { readonly keep: string; readonly via: string | undefined } | undefined;
  /** Packets that were dropped at `taps`. */
  readonly dropped: number;
}

/** Reads what `nft -j list table` says of a VM. */
export function parseIsolation(listing: unknown, uuid: string): IsolationRules {
  const objects = listOf(fieldOf(listing, "nftables"));
  const rules = objects.map((each) => fieldOf(each, "rule")).filter((each) => isObject(each));
  // Casemate's has none: `dormant` takes a table's chains off their hooks. nft 1.0.6 garbles their names.
  const dormant = objects.some((each) => fieldOf(fieldOf(each, "table"), "flags") !== undefined);
  const chains: string[] = [];
  const held = new Map<string, Set<Direction>>();
  const keeps = new Set<string>();
  let dropped = 0;
  for (const object of objects) {
    const chain = fieldOf(object, "chain");
    const name = fieldOf(chain, "name");
    if (typeof name !== "string" || !name.startsWith(chainPrefix(uuid))) continue;
    chains.push(name);
    const [, direction, tap] = /^(out|in)-(.+)$/.exec(name.slice(chainPrefix(uuid).length)) ?? [];
    if ((direction !== "out" && direction !== "in") || tap === undefined || dormant) continue;
    const own = rules.filter((rule) => fieldOf(rule, "chain") === name);
    const holds =
      fieldOf(chain, "hook") === hooks[direction].hook &&
      fieldOf(chain, "policy") === "drop" &&
      guardsDevice(own[0], direction, tap) &&
      own.slice(1, -1).every((rule) => String(fieldOf(rule, "comment")).startsWith(keepComment));
    if (!holds) continue;
    held.set(tap, (held.get(tap) ?? new Set()).add(direction));
    for (const rule of own.slice(1, -1)) keeps.add(String(fieldOf(rule, "comment")));
    for (const part of listOf(fieldOf(own.at(-1), "expr"))) {
      dropped += Number(fieldOf(fieldOf(part, "counter"), "packets") ?? 0);
    }
  }
  const taps = [...held].filter(([, both]) => both.size === 2).map(([tap]) => tap);
  const [kept] = keeps;
  return { chains, taps, keep: kept === undefined ? undefined : parseKeep(kept), dropped };
}

function chainPrefix(uuid: string): string {
  return `vm-${uuid.toLowerCase()}-`;
}

function formatRemoval(chains: readonly string[]): JsonObject[] {
  const named = chains.map((name) => ({
    chain: { family: isolationTable.family, table: isolationTable.name, name },
  }));
  return named.flatMap((chain) => [{ flush: chain }, { delete: chain }]);
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
  const flags = { "&": [payload("tcp", "flags"), ["syn", "ack"]] };
  const tcp = [
    fromNetwork,
    match("==", payload("tcp", direction === "out" ? "sport" : "dport"), port),
    // A SYN without ACK opens a connection: the guest may not.
    ...(direction === "out" ? [match("!=", flags, "syn")] : []),
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

const accept: JsonObject = { accept: null };

function match(op: "==" | "!=", left: JsonObject, right: JsonValue): JsonObject {
  return { match: { op, left, right } };
}

function payload(protocol: string, field: string): JsonObject {
  return { payload: { protocol, field } };
}

function formatKeep(channel: ForensicChannel): string {
  const via = channel.via === undefined ? "" : `${viaWord}${channel.via}`;
  return `${keepComment}${formatForensicChannel(channel)}${via}`;
}

function parseKeep(comment: string): { keep: string; via: string | undefined } {
  const [keep = "", via] = comment.slice(keepComment.length).split(viaWord);
  return { keep, via };
}

/** Whether a chain's first rule says that the rest is about the device that has the name now. */
function guardsDevice(rule: unknown, direction: Direction, tap: string): boolean {
  const [first] = listOf(fieldOf(rule, "expr"));
  const matched = fieldOf(first, "match");
  // The rule has the device's index, which nft shows by its name, and by its number once it is gone.
  return (
    fieldOf(matched, "op") === "!=" &&
    fieldOf(fieldOf(fieldOf(matched, "left"), "meta"), "key") === hooks[direction].device &&
    fieldOf(matched, "right") === tap
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
