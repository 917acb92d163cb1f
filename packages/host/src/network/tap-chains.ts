import type { JsonObject } from "@casemate/core";
import { accept, drop, match } from "./rule-expressions.ts";

/** Casemate's table; nothing else is in it, and Casemate touches no other. */
export const casemateTable = { family: "netdev", name: "casemate" } as const;

/** What says in which table something is. */
export const inTable = { family: casemateTable.family, table: casemateTable.name };

export type Direction = "out" | "in";

/** By direction, as the guest sees it: where the kernel hooks it, and what it calls the device there. */
const hooks = {
  out: { hook: "ingress", device: "iif" },
  in: { hook: "egress", device: "oif" },
} as const;

/** What is written beside a chain's first rule. */
const guardComment = "only the device that was there";

/** A rule that lets something pass, or drops it before others are asked. */
export interface TapRule {
  readonly expr: readonly JsonObject[];
  /** By what is written beside it a reader knows it. */
  readonly comment: string;
}

interface TapChainOptions {
  /** What the names of the VM's chains begin with. */
  readonly prefix: string;
  readonly taps: readonly string[];
  /** Before what others hook there, so that they cannot hand packets on first. */
  readonly priority: number;
  rulesFor(direction: Direction): readonly TapRule[];
}

/**
 * The commands that let no frame of tap devices through but by these rules, in both directions.
 *
 * The hooks are the devices' own (netdev, Linux 5.16): they come before bridges, Open vSwitch and macvtap,
 * and hold whatever addresses the guest makes up. Each chain drops what no rule accepts, and first lets
 * pass what is of another device: the kernel hooks a chain to a new device of an old name (Linux 6.16), and
 * that is another VM's.
 */
export function formatTapChains(options: TapChainOptions): JsonObject[] {
  const { prefix, taps, priority, rulesFor } = options;
  const commands: JsonObject[] = [];
  for (const tap of taps) {
    for (const direction of ["out", "in"] as const) {
      const { hook, device } = hooks[direction];
      const chain = `${prefix}${direction}-${tap}`;
      const base = { type: "filter", hook, dev: tap, prio: priority, policy: "drop" };
      commands.push({ add: { chain: { ...inTable, name: chain, ...base } } });
      const add = (expr: readonly JsonObject[], said: { readonly comment?: string }): void => {
        commands.push({ add: { rule: { ...inTable, chain, ...said, expr } } });
      };
      add([match("!=", { meta: { key: device } }, tap), accept], { comment: guardComment });
      for (const { expr, comment } of rulesFor(direction)) add(expr, { comment });
      add([{ counter: null }, drop], {});
    }
  }
  return commands;
}

/** The commands that take chains away. */
export function formatRemoval(chains: readonly string[]): JsonObject[] {
  const named = chains.map((name) => ({ chain: { ...inTable, name } }));
  return named.flatMap((chain) => [{ flush: chain }, { delete: chain }]);
}

/** What stands in the table by names of one prefix. */
export interface TapChains {
  /** All chains, those of devices that are gone too. */
  readonly chains: readonly string[];
  /** Devices that nothing passes in either direction but by known rules. */
  readonly taps: readonly string[];
  /** What is written beside the rules at `taps`. */
  readonly comments: ReadonlySet<string>;
  /** Packets that were dropped at `taps`. */
  readonly dropped: number;
}

/** Reads what `nft -j list table` says of chains; their rules are known where `isKnown` says so of all. */
export function parseTapChains(
  listing: unknown,
  prefix: string,
  isKnown: (comment: string) => boolean,
): TapChains {
  const objects = listOf(fieldOf(listing, "nftables"));
  const rules = objects.map((each) => fieldOf(each, "rule")).filter((each) => isObject(each));
  // Casemate's has none: `dormant` takes a table's chains off their hooks. nft 1.0.6 garbles their names.
  const dormant = objects.some((each) => fieldOf(fieldOf(each, "table"), "flags") !== undefined);
  const held = new Map<string, Set<Direction>>();
  const comments = new Set<string>();
  let dropped = 0;
  for (const object of objects) {
    const chain = fieldOf(object, "chain");
    const name = fieldOf(chain, "name");
    if (typeof name !== "string" || !name.startsWith(prefix)) continue;
    const [, direction, tap] = /^(out|in)-(.+)$/.exec(name.slice(prefix.length)) ?? [];
    if ((direction !== "out" && direction !== "in") || tap === undefined || dormant) continue;
    const own = rules.filter((rule) => fieldOf(rule, "chain") === name);
    const said = own.slice(1, -1).map((rule) => String(fieldOf(rule, "comment")));
    const holds =
      fieldOf(chain, "hook") === hooks[direction].hook &&
      fieldOf(chain, "policy") === "drop" &&
      guardsDevice(own[0], direction, tap) &&
      said.every(isKnown);
    if (!holds) continue;
    held.set(tap, (held.get(tap) ?? new Set()).add(direction));
    for (const comment of said) comments.add(comment);
    for (const part of listOf(fieldOf(own.at(-1), "expr"))) {
      dropped += Number(fieldOf(fieldOf(part, "counter"), "packets") ?? 0);
    }
  }
  const taps = [...held].filter(([, both]) => both.size === 2).map(([tap]) => tap);
  return { chains: parseNames(listing, "chain", prefix), taps, comments, dropped };
}

/** The names that begin with `prefix` in what `nft -j list table` says. */
export function parseNames(listing: unknown, kind: "chain" | "set", prefix: string): string[] {
  const names = listOf(fieldOf(listing, "nftables")).map((each) =>
    fieldOf(fieldOf(each, kind), "name"),
  );
  return names.filter((name) => typeof name === "string").filter((name) => name.startsWith(prefix));
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
