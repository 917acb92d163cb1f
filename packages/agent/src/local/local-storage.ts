import { realpath, rm, stat } from "node:fs/promises";
import path from "node:path";
import { type Bytes, bytes, CasemateError, readFreeBytes } from "@casemate/core";
import {
  copyBytes,
  formatVolume,
  type OnProgress,
  partialPath,
  type StoragePoolDescription,
  type StorageVolume,
  sha256File,
  storageError,
  volumeFormat,
} from "@casemate/host";
import type { StorageControl } from "../hypervisor/storage-control.ts";
import type { HostContext } from "./host-context.ts";

/** Storage of a libvirt on this machine. */
export class LocalStorage implements StorageControl {
  readonly #context: HostContext;

  constructor(context: HostContext) {
    this.#context = context;
  }

  pools(signal?: AbortSignal): Promise<readonly StoragePoolDescription[]> {
    return this.#context.pools(signal);
  }

  async volumes(pool: string, signal?: AbortSignal): Promise<readonly StorageVolume[]> {
    await this.#verifyRunning(pool, signal);
    return await this.#context.with((c) => c.storage.listVolumes(pool, signal));
  }

  findVolume(file: string, signal?: AbortSignal): Promise<StorageVolume | undefined> {
    return this.#context.with((c) => c.storage.findVolume(file, signal));
  }

  async createVolume(
    pool: string,
    volume: { readonly name: string; readonly capacity: Bytes; readonly format: "raw" | "qcow2" },
    signal?: AbortSignal,
  ): Promise<StorageVolume> {
    await this.#verifyRunning(pool, signal);
    return await this.#context.with((c) =>
      c.storage.createVolume(pool, formatVolume(volume), signal),
    );
  }

  async cloneVolume(
    pool: string,
    name: string,
    from: string,
    signal?: AbortSignal,
  ): Promise<StorageVolume> {
    await this.#verifyRunning(pool, signal);
    const source = await this.findVolume(from, signal);
    if (source === undefined) {
      throw new CasemateError(
        "storage/unknown",
        `Cannot copy ${from}: no pool has it, expected a volume.`,
      );
    }
    const xml = await this.#context.with((c) => c.storage.volumeXml(from, signal));
    const { capacity } = source;
    const volume = formatVolume({ name, capacity, format: volumeFormat(xml) });
    return await this.#context.with((c) => c.storage.cloneVolume(pool, volume, from, signal));
  }

  resizeVolume(file: string, capacity: Bytes, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.storage.resizeVolume(file, capacity, [], signal));
  }

  wipeVolume(file: string, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.storage.wipeVolume(file, signal));
  }

  deleteVolume(file: string, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.storage.deleteVolume(file, signal));
  }

  async directories(signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.#context.guard(signal)).directories;
  }

  async freeSpace(file: string, signal?: AbortSignal): Promise<Bytes> {
    const { directories } = await this.#context.guard(signal);
    const real = await realpath(file).catch(() => undefined);
    // A guarded directory itself may be asked about as well.
    const at =
      real !== undefined && directories.includes(real)
        ? real
        : path.dirname(await this.#real(file));
    return await readFreeBytes(at);
  }

  async verifyPath(file: string, signal?: AbortSignal): Promise<void> {
    await (await this.#context.guard(signal)).writable(file);
  }

  async stat(
    file: string,
    signal?: AbortSignal,
  ): Promise<{ readonly size: Bytes; readonly modifiedAt: Date } | undefined> {
    const guard = await this.#context.guard(signal);
    try {
      const { size, mtime } = await stat(await guard.readable(file));
      return { size: bytes(size), modifiedAt: mtime };
    } catch (thrown) {
      if (thrown instanceof CasemateError && thrown.code === "storage/unknown") return undefined;
      throw thrown;
    }
  }

  async copyFile(
    from: string,
    to: string,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void> {
    const guard = await this.#context.guard(signal);
    const source = await guard.readable(from);
    await copyBytes(source, await guard.writable(to), onProgress, signal);
  }

  async removeFile(file: string, signal?: AbortSignal): Promise<void> {
    const real = await this.#real(file, signal);
    await this.#context.verifyUnused(real, () => true, signal);
    try {
      await rm(real, { force: true });
      await rm(partialPath(real), { force: true });
    } catch (cause) {
      throw storageError(`remove ${file}`, cause);
    }
  }

  async sha256File(file: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<string> {
    const guard = await this.#context.guard(signal);
    return await sha256File(await guard.readable(file), onProgress, signal);
  }

  async #real(file: string, signal?: AbortSignal): Promise<string> {
    return await (await this.#context.guard(signal)).writable(file);
  }

  async #verifyRunning(uuid: string, signal?: AbortSignal): Promise<void> {
    const pool = (await this.pools(signal)).find((one) => one.uuid === uuid);
    if (pool?.state === "running" || pool?.state === "degraded") return;
    const seen = pool === undefined ? "there is none" : `${pool.name} is ${pool.state}`;
    throw new CasemateError(
      "storage/unknown",
      `Cannot use storage pool ${uuid}: ${seen}, expected a running one.`,
    );
  }
}
