import type { DomainDescription, HostAgent, SnapshotDescription } from "@casemate/agent";
import { CasemateError, type JsonObject, type JsonValue } from "@casemate/core";
import type { Kysely } from "kysely";
import type { FactLog } from "../facts/fact-log.ts";
import type { ProjectedTables } from "../facts/projected-tables.ts";
import { watchActor } from "./findings/finding-facts.ts";

/** What of a VM can be changed, as it was seen last. */
export interface VmWorld {
  readonly name: string;
  /** libvirt's word; what only waits for its disk is running. */
  readonly state: string;
  /** Digest of its definition as the next start has it; null for a VM that is gone once it stops. */
  readonly definition: string | null;
  /** Digest of what runs now, and libvirt's number of that run; null while nothing does. */
  readonly live: string | null;
  readonly run: number | null;
  readonly persistent: boolean;
  readonly autostart: boolean;
  /** What policies know it by, as the next start has it. */
  readonly labels: readonly string[];
  /** Name and creation time of each. */
  readonly snapshots: readonly string[];
}

/** Who or what made a change, as far as that is known. */
export type Attribution =
  | { readonly kind: "request"; readonly request: string; readonly actor: string }
  /** Casemate's own watch, as the fact of this kind says. */
  | { readonly kind: "watch"; readonly fact: string }
  /** Nobody asked Casemate: what libvirt told of it, where it did. */
  | {
      readonly kind: "unknown";
      readonly noticed: "event" | "reconciliation";
      readonly event?: string;
    };

/** What the VMs were when they were looked at last, and what has changed since. */
export interface World {
  /** Compares a VM with what it was, and records what differs. True where something does. */
  observe(host: HostAgent, uuid: string, by: Attribution): Promise<boolean>;
  /** Compares all VMs of a host. */
  reconcile(host: HostAgent, attribute: (uuid: string) => Attribution | undefined): Promise<void>;
  /** The labels that a VM had when it was looked at last, without asking anybody. */
  labelsOf(uuid: string): Promise<readonly string[]>;
}

function actorOf(by: Attribution): string {
  switch (by.kind) {
    case "request":
      return by.actor;
    case "watch":
      return watchActor;
    case "unknown":
      return "unknown";
  }
}

export function worldIn(db: Kysely<ProjectedTables>, facts: FactLog): World {
  const readKnown = async (uuid: string): Promise<VmWorld | undefined> => {
    const row = await db
      .selectFrom("worlds")
      .select("world")
      .where("uuid", "=", uuid)
      .executeTakeFirst();
    return row === undefined ? undefined : parseWorld(row.world);
  };

  const compare = async (
    host: HostAgent,
    uuid: string,
    known: VmWorld | undefined,
    seen: VmWorld | undefined,
    by: Attribution,
  ) => {
    const change = changeOf(known, seen);
    if (change === undefined) return false;
    const { kind, changes } = change;
    const record = by.kind === "request" ? facts.recordOutcome : facts.record;
    await record({
      kind,
      actor: actorOf(by),
      subject: `vm:${uuid}`,
      body: {
        host: host.id,
        attribution: by as unknown as JsonObject, // plain data, as its declaration shows
        changes,
        world: (seen ?? null) as unknown as JsonValue, // plain data, as its declaration shows
      },
    });
    return true;
  };

  return {
    async observe(host, uuid, by) {
      const seen = await readSeen(host, uuid);
      const told = by.kind === "unknown" && by.event !== undefined;
      const differs = await compare(host, uuid, await readKnown(uuid), seen, by);
      // What was changed and changed back at once shows in the event alone.
      if (!differs && told && seen !== undefined) {
        await facts.record({
          kind: "vm/event",
          actor: "unknown",
          subject: `vm:${uuid}`,
          body: { host: host.id, event: by.event },
        });
      }
      return differs;
    },

    async reconcile(host, attribute) {
      const present = await host.hypervisor.domains.list();
      const rows = await db
        .selectFrom("worlds")
        .select(["uuid", "world"])
        .where("host_id", "=", host.id)
        .execute();
      const known = new Map<string, VmWorld>(rows.map((row) => [row.uuid, parseWorld(row.world)]));
      for (const uuid of new Set([...known.keys(), ...present.map((vm) => vm.uuid)])) {
        const by = attribute(uuid);
        if (by === undefined) continue;
        const vm = present.find((each) => each.uuid === uuid);
        const seen = vm && worldOf(vm, await host.hypervisor.snapshots.list(uuid));
        await compare(host, uuid, known.get(uuid), seen, by);
      }
    },

    async labelsOf(uuid) {
      return (await readKnown(uuid))?.labels ?? [];
    },
  };
}

/** What a fact left; the first ones told nothing of labels. */
function parseWorld(json: string): VmWorld {
  return { labels: [], ...JSON.parse(json) };
}

/** Undefined where the VM is not there any more. */
async function readSeen(
  { hypervisor: { domains, snapshots } }: HostAgent,
  uuid: string,
): Promise<VmWorld | undefined> {
  try {
    return worldOf(...(await Promise.all([domains.find(uuid), snapshots.list(uuid)])));
  } catch (thrown) {
    if (thrown instanceof CasemateError && thrown.code === "vm/unknown") return undefined;
    throw thrown;
  }
}

function worldOf(vm: DomainDescription, snapshots: readonly SnapshotDescription[]): VmWorld {
  const { name, state, digest, liveDigest, runId, persistent, autostart, labels } = vm;
  return {
    ...{ name, persistent, autostart },
    state: state === "blocked" ? "running" : state,
    definition: persistent ? digest : null,
    labels: labels.toSorted(),
    live: liveDigest ?? null,
    run: runId ?? null,
    snapshots: describeSnapshots(snapshots),
  };
}

function describeSnapshots(snapshots: readonly SnapshotDescription[]): string[] {
  return snapshots.map(({ name, createdAt }) => `${name} ${createdAt.toISOString()}`).toSorted();
}

function changeOf(
  known: VmWorld | undefined,
  seen: VmWorld | undefined,
): { readonly kind: string; readonly changes: JsonObject } | undefined {
  if (known === undefined) return seen && { kind: "vm/appeared", changes: {} };
  if (seen === undefined) return { kind: "vm/disappeared", changes: {} };
  const changes: Record<string, JsonObject> = {};
  for (const key of ["name", "state", "definition", "persistent", "autostart"] as const) {
    if (known[key] !== seen[key]) changes[key] = { from: known[key], to: seen[key] };
  }
  // Another run has another definition by itself: addresses, defaults, what was changed before.
  if (known.run === seen.run && known.live !== seen.live) {
    changes["live"] = { from: known.live, to: seen.live };
  }
  for (const key of ["labels", "snapshots"] as const) {
    const added = seen[key].filter((each) => !known[key].includes(each));
    const removed = known[key].filter((each) => !seen[key].includes(each));
    if (added.length + removed.length > 0) changes[key] = { added, removed };
  }
  return Object.keys(changes).length === 0 ? undefined : { kind: "vm/changed", changes };
}
