import { chown, rm, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bytes, CasemateError } from "@casemate/core";
import {
  copyImage,
  createImage,
  createOverlay,
  type DomainDisk,
  describeImage,
  formatBackup,
  type ImageDescription,
  type ImageFormat,
  type OnProgress,
  resizeImage,
} from "@casemate/host";
import type { ImageControl } from "../hypervisor/image-control.ts";
import type { HostContext } from "./host-context.ts";

/** Milliseconds between questions how far a backup is. */
const askEvery = 200;

/** Disk images on this machine. */
export class LocalImages implements ImageControl {
  readonly #context: HostContext;

  constructor(context: HostContext) {
    this.#context = context;
  }

  async describe(
    file: string,
    format: string | undefined,
    signal?: AbortSignal,
  ): Promise<ImageDescription> {
    return await describeImage(await this.#context.guard(signal), file, format, signal);
  }

  async create(
    image: { readonly path: string; readonly format: "raw" | "qcow2"; readonly capacity: Bytes },
    signal?: AbortSignal,
  ): Promise<void> {
    await createImage(await this.#context.guard(signal), image, signal);
  }

  async createOverlay(
    overlay: {
      readonly path: string;
      readonly backing: string;
      readonly backingFormat: "raw" | "qcow2";
    },
    signal?: AbortSignal,
  ): Promise<void> {
    await createOverlay(await this.#context.guard(signal), overlay, signal);
  }

  async copy(
    request: {
      readonly from: string;
      readonly fromFormat: string;
      readonly to: string;
      readonly toFormat: ImageFormat;
      readonly snapshot?: string;
    },
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void> {
    const guard = await this.#context.guard(signal);
    await this.#verifyStill(await guard.readable(request.from), signal);
    await copyImage(guard, request, onProgress, signal);
  }

  async resize(
    file: string,
    format: "raw" | "qcow2",
    capacity: Bytes,
    signal?: AbortSignal,
  ): Promise<void> {
    const guard = await this.#context.guard(signal);
    await this.#context.verifyUnused(
      await guard.writable(file),
      ({ running, written }) => running || !written,
      signal,
    );
    await resizeImage(guard, file, format, capacity, signal);
  }

  async backup(
    uuid: string,
    files: Readonly<Record<string, string>>,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void> {
    const guard = await this.#context.guard(signal);
    const domain = await this.#context.with((c) => c.findDomain(uuid, signal));
    const { disks } = await this.#context.describe(domain, signal);
    const targets: string[] = [];
    for (const [target, file] of Object.entries(files)) {
      if (!disks.some((disk) => disk.target === target)) {
        throw new CasemateError(
          "device/unknown",
          `Cannot copy disk ${target} of VM ${domain.name}: it has none of that name, expected one.`,
        );
      }
      targets.push(await guard.writable(file));
      if (await exists(file)) {
        throw new CasemateError(
          "storage/exists",
          `Cannot copy disk ${target} to ${file}: something is there, expected nothing.`,
        );
      }
    }
    const xml = formatBackup(
      disks
        .filter(({ source }) => source.kind !== "none")
        .map(({ target }) => ({ target, file: files[target] })),
    );
    try {
      await this.#context.with((c) => c.beginBackup(uuid, xml, [], signal));
      await this.#waitForBackup(uuid, onProgress, signal);
      await this.#giveToOwner(disks, files);
    } catch (thrown) {
      for (const file of targets) await rm(file, { force: true });
      throw thrown;
    }
  }

  async #waitForBackup(uuid: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<void> {
    let aborted = false;
    for (;;) {
      const job = await this.#context.with((c) => c.job(uuid));
      if (job === undefined) break;
      onProgress?.({ done: job.done, total: job.total });
      if (signal?.aborted && !aborted) {
        aborted = true;
        // It may have ended in between: how it ended is told below.
        await this.#context.with((c) => c.abortJob(uuid)).catch(() => {});
      }
      await sleep(askEvery);
    }
    const ended = await this.#context.with((c) => c.completedJob(uuid));
    if (signal?.aborted) {
      throw new CasemateError("cancelled", "Cannot copy the VM's disks: it was cancelled.", {
        cause: signal.reason,
      });
    }
    if (ended?.success === true) return;
    throw new CasemateError(
      /No space left/.test(ended?.words ?? "") ? "disk/full" : "libvirt/failed",
      `Cannot copy the VM's disks: libvirt said "${ended?.words ?? "nothing"}", expected the copy to end well.`,
    );
  }

  /** libvirt makes the files for itself; they get the owner of the disks they are copies of. */
  async #giveToOwner(
    disks: readonly DomainDisk[],
    files: Readonly<Record<string, string>>,
  ): Promise<void> {
    for (const { target, source } of disks) {
      const file = files[target];
      if (file === undefined || (source.kind !== "file" && source.kind !== "block")) continue;
      const { uid, gid } = await stat(source.path);
      await chown(file, uid, gid);
    }
  }

  /** What a running VM writes cannot be copied: the copy would be of no moment. */
  #verifyStill(file: string, signal?: AbortSignal): Promise<void> {
    return this.#context.verifyUnused(file, ({ running, written }) => running && written, signal);
  }
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}
