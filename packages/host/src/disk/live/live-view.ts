import { randomUUID } from "node:crypto";
import { closeSync } from "node:fs";
import { chown, mkdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CasemateError, formatBytes, GiB, readFreeBytes } from "@casemate/core";
import { formatPullBackup } from "../../domain-xml/format-pull-backup.ts";
import { createJournalEntry, type JournalEntry } from "../../journal/journal-entry.ts";
import { readQemuRun } from "../../pause/qemu-run.ts";
import { runQemuImg } from "../../storage/run-qemu-img.ts";
import type { DiskDescription } from "../disk-description.ts";
import { connectSocket } from "../nbd/connect-socket.ts";
import { endView, type WithConnection } from "./end-view.ts";
import { viewJournal } from "./view-journal.ts";
import type { ViewRecord } from "./view-record.ts";

/** A disk of a running VM that is to be seen as it is at one moment. */
export interface ViewedDisk {
  readonly target: string;
  /** A file that is not there yet, for what the guest overwrites; undefined: the disk is not seen. */
  readonly scratch: string | undefined;
  /** What the disk has for its guest, in bytes: exactly. */
  readonly size: number;
}

/** Room for scratch files: beyond it a view is begun whatever a disk's size, below it an open one is ended. */
const ENOUGH_ROOM = 4 * GiB;
const LEAST_ROOM = GiB;
/** A disk writes a few GiB a second at most. */
const watchEveryMs = 100;

/** A running VM's disks as they were at one moment; disposing ends the view and removes its scratch files. */
export class LiveView implements AsyncDisposable {
  readonly takenAt = new Date();
  /** Where QEMU's NBD server listens as long as the view is open. */
  readonly socket: string;
  readonly disks: readonly DiskDescription[];
  readonly fds: readonly number[];
  /** Aborted where the view had to be ended for want of room: QEMU would have failed the guest's writes. */
  readonly lost: AbortSignal;
  readonly #record: ViewRecord;
  readonly #entry: JournalEntry;
  readonly #connect: WithConnection;
  readonly #watch: NodeJS.Timeout;
  #ended: Promise<void> | undefined;

  private constructor(
    record: ViewRecord,
    entry: JournalEntry,
    connect: WithConnection,
    sockets: readonly { readonly target: string; readonly fd: number }[],
  ) {
    this.#record = record;
    this.socket = record.socket;
    this.#entry = entry;
    this.#connect = connect;
    this.fds = sockets.map(({ fd }) => fd);
    this.disks = sockets.map(({ target }, file) => ({
      name: target,
      nbd: { export: target, socket: file },
    }));
    const lost = new AbortController();
    this.lost = lost.signal;
    this.#watch = setInterval(() => {
      verifyRoom(record.scratch, LEAST_ROOM).catch((thrown: unknown) => {
        lost.abort(thrown);
        this.#end().catch(() => {}); // disposing tells
      });
    }, watchEveryMs);
  }

  /**
   * Begins a view of the VM's disks: it runs on, and what it overwrites is kept aside.
   *
   * Throws `disk/full`, `vm/not-running`, `data/not-writable`, `disk/unreadable`, `libvirt/*`; then nothing is
   * left of it.
   */
  static async open(
    {
      uri,
      uuid,
      disks,
      connect,
    }: {
      readonly uri: string;
      readonly uuid: string;
      readonly disks: readonly ViewedDisk[];
      readonly connect: WithConnection;
    },
    signal?: AbortSignal,
  ): Promise<LiveView> {
    const files = disks.flatMap(({ scratch, size }) =>
      scratch === undefined ? [] : [{ path: scratch, size }],
    );
    const scratch = files.map((file) => file.path);
    const size = files.reduce((sum, file) => sum + file.size, 0);
    await verifyRoom(scratch, LEAST_ROOM + Math.min(size, ENOUGH_ROOM));
    const { run, pid } = readQemuRun(uuid);
    await using undo = new AsyncDisposableStack();
    const entry = undo.use(await createJournalEntry(viewJournal(), "a view of a VM's disks"));
    // Where QEMU sees it: libvirt's own directories are not ours to write.
    const directory = join(tmpdir(), `casemate-view-${randomUUID()}`);
    const record = { uri, run, directory, socket: join(directory, "nbd"), scratch };
    await entry.write(record);
    undo.defer(async () => {
      // What cannot be ended now is in the journal.
      await endView(record, connect).then(
        () => entry.remove(),
        () => {},
      );
    });
    await mkdir(directory, 0o700);
    const { uid, gid } = await stat(`/proc/${pid}`);
    await chown(directory, uid, gid);
    // Made here, for libvirt may be told not to give files to QEMU's user.
    for (const { path, size } of files) {
      const doing = `make ${path}`;
      await runQemuImg(["create", "-q", "-f", "qcow2", path, `${size}`], { doing }, signal);
      await chown(path, uid, gid);
    }
    const xml = formatPullBackup(record.socket, disks);
    await connect((connection) => connection.beginBackup(uuid, xml, ["reuseExternal"], signal));
    const sockets: { readonly target: string; readonly fd: number }[] = [];
    for (const { target, scratch } of disks) {
      if (scratch === undefined) continue;
      const fd = await connectSocket(record.socket, pid, signal);
      undo.defer(() => closeSync(fd));
      sockets.push({ target, fd });
    }
    undo.move();
    return new LiveView(record, entry, connect, sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fd of this.fds) closeSync(fd);
    // Where libvirt cannot be asked now, whoever comes next finds the entry.
    await using _ = this.#entry;
    await this.#end();
    await this.#entry.remove();
  }

  #end(): Promise<void> {
    clearInterval(this.#watch);
    this.#ended ??= endView(this.#record, this.#connect);
    return this.#ended;
  }
}

async function verifyRoom(files: readonly string[], needed: number): Promise<void> {
  for (const directory of new Set(files.map((file) => dirname(file)))) {
    const free = await readFreeBytes(directory);
    if (free >= needed) continue;
    throw new CasemateError(
      "disk/full",
      `Cannot see the disks of a running VM: ${directory} has ${formatBytes(free)} free, expected ${formatBytes(needed)} for what the guest overwrites meanwhile.`,
    );
  }
}
