import { rm, stat } from "node:fs/promises";
import { CasemateError } from "@casemate/core";
import {
  type DomainDisk,
  describeDomain,
  describeSnapshot,
  formatSnapshot,
  type LibvirtFlags,
  type OnProgress,
  type SnapshotDescription,
  snapshotDefinition,
} from "@casemate/host";
import type { DomainControl } from "../hypervisor/domain-control.ts";
import type { HypervisorFacts } from "../hypervisor/hypervisor-facts.ts";
import { isKeptOff, type NetworkControl } from "../hypervisor/network-control.ts";
import type {
  SnapshotControl,
  SnapshotRemoval,
  SnapshotRequest,
} from "../hypervisor/snapshot-control.ts";
import { chosenFlags } from "./chosen-flags.ts";
import type { HostContext } from "./host-context.ts";
import { watchJob } from "./watch-job.ts";

/** What snapshots have other parts of the hypervisor do. */
interface SnapshotParts {
  facts(signal?: AbortSignal): Promise<HypervisorFacts>;
  readonly setLabels: DomainControl["setLabels"];
  readonly renewIsolation: NetworkControl["renew"];
}

/** Snapshots of a libvirt that this process is connected to. */
export class LocalSnapshots implements SnapshotControl {
  readonly #context: HostContext;
  readonly #parts: SnapshotParts;

  constructor(context: HostContext, parts: SnapshotParts) {
    this.#context = context;
    this.#parts = parts;
  }

  async list(uuid: string, signal?: AbortSignal): Promise<readonly SnapshotDescription[]> {
    return await this.#context.with(async (c) => {
      const described: SnapshotDescription[] = [];
      for (const { name, current } of await c.listSnapshots(uuid, signal)) {
        described.push(describeSnapshot(await c.snapshotXml(uuid, name, signal), current));
      }
      return parentsFirst(described);
    });
  }

  async definition(uuid: string, name: string, signal?: AbortSignal): Promise<string | undefined> {
    return snapshotDefinition(await this.#context.with((c) => c.snapshotXml(uuid, name, signal)));
  }

  async create(
    uuid: string,
    request: SnapshotRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<SnapshotDescription> {
    const { name, description } = request;
    if ((await this.list(uuid, signal)).some((snapshot) => snapshot.name === name)) {
      throw new CasemateError(
        "snapshot/exists",
        `Cannot take snapshot ${name}: the VM has one of that name, expected another.`,
      );
    }
    const domain = await this.#context.with((c) => c.findDomain(uuid, signal));
    const { disks } = await this.#context.describe(domain, signal);
    const runs = domain.id !== undefined;
    const memory = await this.#memoryOf(request, runs, signal);
    const overlays = request.kind === "external" ? (request.overlays ?? {}) : {};
    await this.#verifyFiles(Object.values(overlays), signal);
    const plan = {
      name,
      description,
      memory,
      disks: disks.map(({ target, ...disk }) => ({
        target,
        snapshot: isKept(disk) ? request.kind : ("no" as const),
        overlay: isKept(disk) ? overlays[target] : undefined,
      })),
    };
    const taking = this.#context.with((c) =>
      c.createSnapshot(uuid, formatSnapshot(plan), flagsOf(memory.kind, request.kind), signal),
    );
    try {
      await watchJob(this.#context, uuid, taking, onProgress);
    } catch (thrown) {
      // libvirt leaves an unfinished file of memory.
      if (memory.kind === "external") await rm(memory.path, { force: true });
      throw thrown;
    }
    return describeSnapshot(
      await this.#context.with((c) => c.snapshotXml(uuid, name, signal)),
      true,
    );
  }

  async revert(
    uuid: string,
    name: string,
    options: { readonly state?: "running" | "paused"; readonly force?: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    const { externalSnapshotRevert } = await this.#parts.facts(signal);
    const snapshot = await this.#find(uuid, name, signal);
    if (isExternal(snapshot) && !externalSnapshotRevert) throw unsupported("go back to", name);
    const { labels } = await this.#context.find(uuid, signal);
    const kept = await this.definition(uuid, name, signal);
    const then = kept === undefined ? [] : describeDomain(kept).labels;
    const keptOff = [...labels, ...then].filter((label) => isKeptOff([label]));
    const { state = stateOf(snapshot), force = false } = options;
    // It stands still until nothing passes its interfaces; where that fails it goes on standing still.
    const held = keptOff.length > 0 && state === "running";
    const flags = chosenFlags({
      running: options.state === "running" && !held,
      paused: options.state === "paused" || held,
      force,
    });
    await this.#context.with((c) => c.revertToSnapshot(uuid, name, flags, signal));
    // Labels are the VM's, not the state's: they are not taken back. What was kept off the network then is now.
    const own = [...new Set([...labels, ...keptOff])];
    if (own.toSorted().join() !== then.toSorted().join()) {
      await this.#parts.setLabels(uuid, own, signal);
    }
    if (keptOff.length === 0) return;
    await this.#parts.renewIsolation(uuid, signal);
    if (held) await this.#context.with((c) => c.resume(uuid, signal));
  }

  async planRemove(
    uuid: string,
    name: string,
    options: { readonly children?: boolean },
    signal?: AbortSignal,
  ): Promise<SnapshotRemoval> {
    await this.#find(uuid, name, signal);
    const all = await this.list(uuid, signal);
    const names = new Set([name]);
    // Parents come before their children.
    for (const { name: child, parent } of options.children === true ? all : []) {
      if (parent !== undefined && names.has(parent)) names.add(child);
    }
    const removed = all.filter((snapshot) => names.has(snapshot.name));
    return {
      snapshots: removed.map((snapshot) => snapshot.name),
      internal: removed.some((snapshot) => !isExternal(snapshot)),
      files: removed
        .flatMap(({ memory, disks }) => [
          ...(memory.kind === "external" ? [memory.path] : []),
          ...disks.map((disk) => (disk.kind === "external" ? disk.overlay : undefined)),
        ])
        .filter((file) => file !== undefined),
    };
  }

  async remove(
    uuid: string,
    name: string,
    options: { readonly children?: boolean; readonly notesOnly?: boolean },
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void> {
    const { children = false, notesOnly = false } = options;
    const { externalSnapshotDelete } = await this.#parts.facts(signal);
    const { snapshots } = await this.planRemove(uuid, name, { children }, signal);
    const all = await this.list(uuid, signal);
    const removed = all.filter((one) => snapshots.includes(one.name));
    if (removed.some(isExternal) && !notesOnly && !externalSnapshotDelete) {
      throw unsupported("delete", name);
    }
    const flags = chosenFlags({ children, metadataOnly: notesOnly });
    const deleting = this.#context.with((c) => c.deleteSnapshot(uuid, name, flags, signal));
    await watchJob(this.#context, uuid, deleting, onProgress);
    if (!notesOnly) await this.#removeMemory(removed, signal);
  }

  /** libvirt merges the disks' files and leaves the memory's. */
  async #removeMemory(
    snapshots: readonly SnapshotDescription[],
    signal?: AbortSignal,
  ): Promise<void> {
    for (const { memory } of snapshots) {
      if (memory.kind !== "external") continue;
      const guard = await this.#context.guard(signal);
      const file = await guard.writable(memory.path);
      // HOSTILE: the snapshot's notes may name anything.
      await this.#context.verifyUnused(file, () => true, signal);
      await rm(file, { force: true });
    }
  }

  async #find(uuid: string, name: string, signal?: AbortSignal): Promise<SnapshotDescription> {
    const xml = await this.#context.with((c) => c.snapshotXml(uuid, name, signal));
    return describeSnapshot(xml, false);
  }

  async #memoryOf(request: SnapshotRequest, runs: boolean, signal?: AbortSignal) {
    if (request.kind === "internal") return { kind: runs ? "internal" : "none" } as const;
    if (request.memory === undefined) return { kind: "none" } as const;
    if (!runs) {
      throw new CasemateError(
        "vm/not-running",
        "Cannot keep the VM's memory: it does not run, expected it to run or no file for it.",
      );
    }
    await this.#verifyFiles([request.memory], signal);
    return { kind: "external", path: request.memory } as const;
  }

  async #verifyFiles(files: readonly string[], signal?: AbortSignal): Promise<void> {
    if (files.length === 0) return;
    const guard = await this.#context.guard(signal);
    for (const file of files) {
      const real = await guard.writable(file);
      if (await exists(real)) {
        throw new CasemateError(
          "storage/exists",
          `Cannot take a snapshot to ${file}: something is there already, expected nothing.`,
        );
      }
    }
  }
}

/** The oldest first; times have but seconds, so parents come before their children by their names. */
function parentsFirst(snapshots: readonly SnapshotDescription[]): SnapshotDescription[] {
  const waiting = snapshots.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
  const sorted: SnapshotDescription[] = [];
  while (waiting.length > 0) {
    const next = waiting.findIndex(({ parent }) => !waiting.some(({ name }) => name === parent));
    // HOSTILE: notes that go round in a circle have no first; libvirt takes none such.
    sorted.push(...waiting.splice(Math.max(next, 0), 1));
  }
  return sorted;
}

function isKept({ readonly, source }: Omit<DomainDisk, "target">): boolean {
  return !readonly && source.kind !== "none";
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

/** What a VM does that has gone back to it. */
function stateOf({ memory, state }: SnapshotDescription): "running" | "paused" | "off" {
  if (memory.kind === "none") return "off";
  return state === "paused" ? "paused" : "running";
}

function isExternal({ memory, disks }: SnapshotDescription): boolean {
  return memory.kind === "external" || disks.some(({ kind }) => kind === "external");
}

function flagsOf(
  memory: "none" | "internal" | "external",
  kind: "internal" | "external",
): LibvirtFlags<"snapshotCreate"> {
  if (kind === "internal") return [];
  // The guest runs on while its memory is written.
  return memory === "external" ? ["atomic", "live"] : ["atomic", "diskOnly"];
}

function unsupported(doing: string, name: string): CasemateError {
  return new CasemateError(
    "snapshot/unsupported",
    `Cannot ${doing} snapshot ${name}: it is external and this libvirt is too old for that, expected an internal one.`,
  );
}
