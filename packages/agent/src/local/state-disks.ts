import { randomUUID } from "node:crypto";
import { closeSync } from "node:fs";
import path from "node:path";
import { CasemateError, toCasemateError } from "@casemate/core";
import {
  type DiskDescription,
  type DiskSource,
  type DomainDisk,
  describeImage,
  describeSnapshot,
  LiveView,
  type SnapshotDescription,
  type StorageGuard,
  type ViewedDisk,
  type WithConnection,
} from "@casemate/host";
import type { Missed } from "@casemate/scan";
import type { WatchedDisks } from "../file-watch.ts";
import type { DomainDescription } from "../hypervisor/domain-control.ts";
import type { ScannedState } from "../vm-scan.ts";
import type { HostContext } from "./host-context.ts";
import { type ChainRequest, openChain } from "./open-chain.ts";

/** A state's disks, opened; disposing closes them. */
export interface OpenState extends AsyncDisposable {
  readonly state: Omit<ScannedState, "consistency">;
  readonly disks: readonly DiskDescription[];
  readonly fds: readonly number[];
  /** Disks that cannot be read, and why. */
  readonly missed: readonly Missed[];
  /** Aborted where the state cannot be read any longer. */
  readonly lost?: AbortSignal;
}

/** Opens the disks of a VM's states for reading, each only inside the host's pools. */
export class StateDisks {
  readonly #context: HostContext;

  constructor(context: HostContext) {
    this.#context = context;
  }

  /** Throws `snapshot/unknown`, `disk/full`, `storage/*`, `libvirt/*`. A disk that cannot be read is missed. */
  async open(
    vm: DomainDescription,
    snapshot: string | undefined,
    signal?: AbortSignal,
  ): Promise<OpenState> {
    const guard = await this.#context.guard(signal);
    if (snapshot !== undefined) return await this.#openSnapshot(guard, vm, snapshot, signal);
    if (vm.runId !== undefined) return await this.#openRunning(guard, vm, signal);
    const state = { kind: "off", at: new Date() } as const;
    const opening = new Opening(state);
    for (const disk of ownDisks(vm)) {
      await opening.add(disk.target, () => this.#openDisk(guard, disk, "now", opening.fds, signal));
    }
    return opening;
  }

  /** The disks as they are at this moment; those that nobody writes are opened as they lie. */
  async #openRunning(
    guard: StorageGuard,
    vm: DomainDescription,
    signal?: AbortSignal,
  ): Promise<OpenState> {
    await using undo = new AsyncDisposableStack();
    const opening = undo.use(new Opening({ kind: "running", at: new Date() }));
    const own = ownDisks(vm);
    for (const disk of own.filter(({ readonly }) => readonly)) {
      const open = () => this.#openDisk(guard, disk, "now", opening.fds, signal);
      await opening.add(disk.target, open);
    }
    const disks = await this.#planViews(guard, vm, opening, signal);
    if (disks.every(({ scratch }) => scratch === undefined)) {
      undo.move();
      return opening;
    }
    const connect: WithConnection = (use) => this.#context.with(use);
    const { uri } = this.#context.host;
    const view = undo.use(await LiveView.open({ uri, uuid: vm.uuid, disks, connect }, signal));
    const owned = undo.move();
    const files = opening.disks.map((disk) => shiftFiles(disk, view.fds.length));
    return {
      state: { kind: "running", at: view.takenAt },
      missed: opening.missed,
      lost: view.lost,
      disks: [...view.disks, ...files],
      fds: [...view.fds, ...opening.fds],
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  async #openSnapshot(
    guard: StorageGuard,
    vm: DomainDescription,
    name: string,
    signal?: AbortSignal,
  ): Promise<OpenState> {
    const snapshot = await this.#findSnapshot(vm, name, signal);
    const opening = new Opening({ kind: "snapshot", name, at: snapshot.createdAt });
    for (const kept of snapshot.disks) {
      const { target } = kept;
      const disk = ownDisks(vm).find((each) => each.target === target);
      await opening.add(target, async () => {
        switch (kept.kind) {
          case "none":
            if (disk === undefined) return undefined;
            throw notKept(target, name, "it was left out of it");
          case "internal":
            if (disk === undefined) throw notKept(target, name, "the VM has it no more");
            return await this.#openDisk(guard, disk, { snapshot: name }, opening.fds, signal);
          case "external": {
            if (kept.overlay === undefined) throw notKept(target, name, "its overlay is no file");
            const overlay = { name: target, file: kept.overlay, format: "qcow2" };
            return await this.#openFile(guard, overlay, "below", opening.fds, signal);
          }
        }
      });
    }
    return opening;
  }

  async #findSnapshot(
    { uuid }: DomainDescription,
    name: string,
    signal?: AbortSignal,
  ): Promise<SnapshotDescription> {
    return describeSnapshot(
      await this.#context.with((c) => c.snapshotXml(uuid, name, signal)),
      false,
    );
  }

  async #openDisk(
    guard: StorageGuard,
    { target, source, format }: DomainDisk,
    state: ChainRequest["state"],
    fds: number[],
    signal?: AbortSignal,
  ): Promise<DiskDescription> {
    const file = await this.#context.pathOf(source, signal);
    if (file !== undefined) {
      return await this.#openFile(guard, { name: target, file, format }, state, fds, signal);
    }
    throw noFile(target, source);
  }

  #openFile(
    guard: StorageGuard,
    image: Pick<ChainRequest, "name" | "file" | "format">,
    state: ChainRequest["state"],
    fds: number[],
    signal?: AbortSignal,
  ): Promise<DiskDescription> {
    const verifyStill = (file: string) =>
      this.#context.verifyUnused(file, ({ running, written }) => running && written, signal);
    return openChain(guard, { ...image, state, verifyStill }, fds, signal);
  }

  /** All disks for one view: those that the VM writes and that can be viewed with a scratch file. */
  async #planViews(
    guard: StorageGuard,
    vm: DomainDescription,
    opening: Opening,
    signal?: AbortSignal,
  ): Promise<readonly ViewedDisk[]> {
    const viewed = new Map<string, ViewedDisk>();
    for (const disk of ownDisks(vm).filter(({ readonly }) => !readonly)) {
      await opening.add(disk.target, async () => {
        viewed.set(disk.target, await this.#planView(guard, disk, signal));
        return undefined;
      });
    }
    return vm.disks
      .filter(({ source }) => source.kind !== "none")
      .map(({ target }) => viewed.get(target) ?? { target, scratch: undefined, size: 0 });
  }

  /** The disks of a VM that runs, to be watched. Throws `storage/*`, and why none of them can be. */
  async planWatch(vm: DomainDescription, signal: AbortSignal): Promise<WatchedDisks> {
    const opening = new Opening({ kind: "running", at: new Date() });
    const guard = await this.#context.guard(signal);
    const viewed = await this.#planViews(guard, vm, opening, signal);
    const { missed } = opening;
    if (viewed.some(({ scratch }) => scratch !== undefined)) return { viewed, missed };
    const [first] = missed;
    if (first !== undefined) throw new CasemateError(first.code, first.reason);
    throw new CasemateError(
      "disk/not-found",
      `Cannot watch the files of ${vm.name}: it has no disk that it writes, expected one.`,
    );
  }

  /** The disk as it is to be viewed, with a scratch file beside the disk itself where files may be made there, else in the first place where they may. */
  async #planView(
    guard: StorageGuard,
    { target, source, format }: DomainDisk,
    signal?: AbortSignal,
  ): Promise<ViewedDisk> {
    const file = await this.#context.pathOf(source, signal);
    if (file === undefined) throw noFile(target, source);
    const { virtualSize: size } = await describeImage(guard, file, format, signal);
    const name = `.casemate-view-${randomUUID()}.${target}`;
    let refusal: unknown;
    for (const place of [path.dirname(file), ...guard.directories]) {
      try {
        return { target, scratch: await guard.writable(path.join(place, name)), size };
      } catch (thrown) {
        refusal ??= thrown;
      }
    }
    throw new CasemateError(
      "storage/outside",
      `Cannot see disk ${target} while its VM runs: there is no storage pool, expected one for what the guest overwrites meanwhile.`,
      { cause: refusal },
    );
  }
}

/** A state's disks while they are opened, one after another: one that cannot be is missed, the others go on. */
class Opening implements OpenState {
  readonly state: OpenState["state"];
  readonly disks: DiskDescription[] = [];
  readonly fds: number[] = [];
  readonly missed: Missed[] = [];

  constructor(state: OpenState["state"]) {
    this.state = state;
  }

  async add(target: string, open: () => Promise<DiskDescription | undefined>): Promise<void> {
    try {
      const disk = await open();
      if (disk !== undefined) this.disks.push(disk);
    } catch (thrown) {
      const { code, message: reason } = toCasemateError(thrown);
      if (code === "cancelled" || code === "internal") throw thrown;
      this.missed.push({ what: `disk ${target}`, code, reason });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fd of this.fds) closeSync(fd);
  }
}

/** What holds a system: no media in drives. */
function ownDisks({ disks }: DomainDescription): readonly DomainDisk[] {
  return disks.filter(
    ({ device, source }) => (device === "disk" || device === "lun") && source.kind !== "none",
  );
}

/** The same disk where `by` other descriptors go before its own. */
function shiftFiles(disk: DiskDescription, by: number): DiskDescription {
  if ("nbd" in disk) return disk;
  return { ...disk, layers: disk.layers.map((layer) => ({ ...layer, file: layer.file + by })) };
}

function noFile(target: string, source: DiskSource): CasemateError {
  return new CasemateError(
    "disk/unsupported",
    `Cannot read disk ${target}: it is no file of this machine (${source.kind}), expected one.`,
  );
}

function notKept(target: string, snapshot: string, seen: string): CasemateError {
  return new CasemateError(
    "snapshot/unsupported",
    `Cannot read disk ${target} of snapshot ${snapshot}: ${seen}, expected it to be kept.`,
  );
}
