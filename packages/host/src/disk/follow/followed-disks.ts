import { randomUUID } from "node:crypto";
import { closeSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import { readDiskAliases } from "../../domain-xml/disk-aliases.ts";
import { createJournalEntry, type JournalEntry } from "../../journal/journal-entry.ts";
import { readQemuRun } from "../../pause/qemu-run.ts";
import type { WithConnection } from "../live/end-view.ts";
import type { LiveView } from "../live/live-view.ts";
import { connectSocket } from "../nbd/connect-socket.ts";
import { type DiskRange, readDirtyRanges } from "../nbd/read-dirty-ranges.ts";
import { type BlockNode, parseBlockNodes } from "./block-node.ts";
import { endFollow, removeBitmaps } from "./end-follow.ts";
import { type FollowRecord, followJournal } from "./follow-record.ts";

/** A bitmap takes 4 MiB of QEMU's memory at most: a bit for each 4 KiB of a disk of 128 GiB. */
const MOST_BITS = 2 ** 25;
const LEAST_GRANULARITY = 512;

/** A disk that is followed. */
interface FollowedDisk {
  readonly target: string;
  readonly alias: string;
  readonly node: string;
  readonly granularity: number;
}

/** What was written to a VM's disks, and the disks as they were once it was. */
export interface WrittenView extends AsyncDisposable {
  readonly view: LiveView;
  /** By the disk's target; what was written while the view was begun may be in it, and is so the next time. */
  readonly written: ReadonlyMap<string, readonly DiskRange[]>;
}

/**
 * Knows what a running VM writes to its disks: QEMU notes it in dirty bitmaps in its memory, of this object's
 * own. Nothing is written to the disks, and the VM is never paused.
 *
 * Disposing removes the bitmaps; if this process cannot, `endAbandonedFollows` does.
 */
export class FollowedDisks implements AsyncDisposable {
  readonly #record: FollowRecord;
  readonly #entry: JournalEntry;
  readonly #connect: WithConnection;
  readonly #pid: number;
  readonly #disks: readonly FollowedDisk[];
  /** The number of the bitmaps that have what was written since the last view. */
  #turn = 0;

  private constructor(
    record: FollowRecord,
    entry: JournalEntry,
    connect: WithConnection,
    pid: number,
    disks: readonly FollowedDisk[],
  ) {
    this.#record = record;
    this.#entry = entry;
    this.#connect = connect;
    this.#pid = pid;
    this.#disks = disks;
  }

  /**
   * Begins to note what is written to the disks of these targets: before they are first read.
   *
   * Throws `vm/not-running`, `disk/not-found`, `data/not-writable`, `libvirt/*`; then nothing is left of it.
   */
  static async open(
    {
      uri,
      uuid,
      targets,
      connect,
    }: {
      readonly uri: string;
      readonly uuid: string;
      readonly targets: readonly string[];
      readonly connect: WithConnection;
    },
    signal?: AbortSignal,
  ): Promise<FollowedDisks> {
    const { run, pid } = readQemuRun(uuid);
    const of = { inactive: false, secure: false };
    const xml = await connect((connection) => connection.domainXml(uuid, of, signal));
    const aliases = readDiskAliases(xml);
    const query = { execute: "query-block" };
    const nodes = parseBlockNodes(await connect((each) => each.qmp(uuid, query, signal)));
    const disks = targets.map((target): FollowedDisk => {
      const alias = aliases.get(target);
      const found = alias === undefined ? undefined : findNode(nodes, alias);
      if (alias === undefined || found === undefined) throw notFound(uuid, target);
      return { target, alias, node: found.node, granularity: chooseGranularity(found.size) };
    });
    await using undo = new AsyncDisposableStack();
    const entry = undo.use(await createJournalEntry(followJournal(), "that disks are followed"));
    const record = { uri, run, prefix: `casemate-written-${randomUUID()}-` };
    await entry.write(record);
    undo.defer(async () => {
      // What cannot be removed now is in the journal.
      await endFollow(record, connect).then(
        () => entry.remove(),
        () => {},
      );
    });
    const followed = new FollowedDisks(record, entry, connect, pid, disks);
    await followed.#addBitmaps(0, signal);
    undo.move();
    return followed;
  }

  /**
   * Whether anything was written since the last view began: one question to QEMU, which costs next to nothing.
   * Not to be asked while the view is open.
   *
   * Throws `disk/incomplete` where QEMU writes to other images than when this was opened, after a snapshot for
   * example: then nobody knows, and all is to be read anew.
   */
  async hasWritten(signal?: AbortSignal): Promise<boolean> {
    const { uuid } = this.#record.run;
    const query = { execute: "query-block" };
    const nodes = parseBlockNodes(await this.#connect((each) => each.qmp(uuid, query, signal)));
    let count = 0;
    for (const { alias, node, target } of this.#disks) {
      const now = findNode(nodes, alias);
      const bitmap = now?.bitmaps.find(({ name }) => name === this.#bitmap(this.#turn));
      if (now?.node !== node || bitmap === undefined) throw changed(uuid, target);
      count += bitmap.count;
    }
    return count > 0;
  }

  /**
   * What was written since the last time, and the disks as they are now; `begin` opens a view of them, which
   * is the caller's to dispose of. After an error from `begin` nothing is lost and it can be tried again.
   *
   * Throws `disk/unreadable`, `libvirt/*`, and what `begin` throws.
   */
  async read(begin: () => Promise<LiveView>, signal?: AbortSignal): Promise<WrittenView> {
    // What is written from here on is in the next bitmaps; until the view begins, in both.
    await this.#addBitmaps(this.#turn + 1, signal);
    await using undo = new AsyncDisposableStack();
    let hasView = false;
    undo.defer(async () => {
      if (!hasView) await this.#removeBitmaps(this.#turn + 1);
    });
    const view = undo.use(await begin());
    hasView = true;
    await this.#transact("block-dirty-bitmap-disable", this.#turn, signal);
    const written = new Map<string, readonly DiskRange[]>();
    for (const [i, disk] of this.#disks.entries()) {
      written.set(disk.target, await this.#readBitmap(i, disk, view.socket, signal));
    }
    await this.#removeBitmaps(this.#turn);
    this.#turn += 1;
    const owned = undo.move();
    return { view, written, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Where libvirt cannot be asked now, whoever comes next finds the entry.
    await using _ = this.#entry;
    await endFollow(this.#record, this.#connect);
    await this.#entry.remove();
  }

  #bitmap(turn: number): string {
    return `${this.#record.prefix}${turn}.`;
  }

  async #addBitmaps(turn: number, signal?: AbortSignal): Promise<void> {
    await this.#transact("block-dirty-bitmap-add", turn, signal, ({ granularity }) => ({
      granularity,
      persistent: false,
    }));
  }

  /** All of them at once, or none. */
  async #transact(
    type: string,
    turn: number,
    signal?: AbortSignal,
    more: (disk: FollowedDisk) => object = () => ({}),
  ): Promise<void> {
    const name = this.#bitmap(turn);
    const actions = this.#disks.map((disk) => ({
      type,
      data: { node: disk.node, name, ...more(disk) },
    }));
    const command = { execute: "transaction", arguments: { actions } };
    const { uuid } = this.#record.run;
    await this.#connect((connection) => connection.qmp(uuid, command, signal));
  }

  async #removeBitmaps(turn: number): Promise<void> {
    await removeBitmaps(this.#record.run.uuid, this.#bitmap(turn), this.#connect);
  }

  /** By an export of its own of the server that the view has. */
  async #readBitmap(
    index: number,
    { node }: FollowedDisk,
    socket: string,
    signal?: AbortSignal,
  ): Promise<readonly DiskRange[]> {
    const bitmap = this.#bitmap(this.#turn);
    const id = `${bitmap}${index}`;
    const command = {
      execute: "block-export-add",
      arguments: { type: "nbd", id, "node-name": node, name: id, bitmaps: [bitmap] },
    };
    const { uuid } = this.#record.run;
    await this.#connect((connection) => connection.qmp(uuid, command, signal));
    const fd = await connectSocket(socket, this.#pid, signal);
    try {
      return readDirtyRanges(fd, { name: id, bitmap });
    } finally {
      closeSync(fd);
    }
  }
}

/** A device's id, or a path that ends with it, and for virtio with the part of it that has the disk. */
function findNode(nodes: readonly BlockNode[], alias: string): BlockNode | undefined {
  return nodes.find(({ device }) => device === alias || device.split("/").includes(alias));
}

function chooseGranularity(size: number): number {
  return Math.max(LEAST_GRANULARITY, 2 ** Math.ceil(Math.log2(Math.max(size, 1) / MOST_BITS)));
}

function notFound(uuid: string, target: string): CasemateError {
  return new CasemateError(
    "disk/not-found",
    `Cannot follow disk ${target} of VM ${uuid}: QEMU has none for it, expected one.`,
  );
}

function changed(uuid: string, target: string): CasemateError {
  return new CasemateError(
    "disk/incomplete",
    `Cannot tell what was written to disk ${target} of VM ${uuid}: QEMU writes to another image by now, expected the same.`,
  );
}
