import { CasemateError } from "@casemate/core";
import type { MachineDescription, MachineDisk } from "@casemate/formats";
import {
  extractImage,
  type OnProgress,
  type OvfPackage,
  partProgress,
  readPackage,
  type StorageGuard,
  verifyPackage,
  verifyPackedFile,
  writeOva,
} from "@casemate/host";
import type {
  ExportedDisk,
  PackageControl,
  PackageDescription,
} from "../hypervisor/package-control.ts";
import type { HostContext } from "./host-context.ts";

/** Comparing a disk with the manifest takes that part of the time, making an image of it the rest. */
const comparedPart = 0.3;

/** OVF packages on this machine. */
export class LocalPackages implements PackageControl {
  readonly #context: HostContext;

  constructor(context: HostContext) {
    this.#context = context;
  }

  async export(
    request: {
      readonly path: string;
      readonly machine: Omit<MachineDescription, "disks">;
      readonly disks: readonly ExportedDisk[];
    },
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<{ readonly sha256: string }> {
    const guard = await this.#context.guard(signal);
    for (const { path } of request.disks) {
      // What a running VM writes cannot be copied: the copy would be of no moment.
      await this.#context.verifyUnused(
        await guard.readable(path),
        ({ running, written }) => running && written,
        signal,
      );
    }
    const disks = request.disks.map((disk) => ({ ...disk, bus: knownBus(disk.bus) }));
    return { sha256: await writeOva(guard, { ...request, disks }, onProgress, signal) };
  }

  async describe(
    path: string,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<PackageDescription> {
    const opened = await this.#read(await this.#context.guard(signal), path, signal);
    const { machine, manifest } = opened;
    const sha256 = await verifyPackage(opened, onProgress, signal);
    return { machine, manifest: manifest === undefined ? "absent" : "verified", sha256 };
  }

  async extractDisk(
    request: {
      readonly path: string;
      readonly file: string;
      readonly to: string;
      readonly toFormat: "raw" | "qcow2";
    },
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void> {
    const { path, file, to, toFormat } = request;
    const guard = await this.#context.guard(signal);
    const { machine, files, manifest } = await this.#read(guard, path, signal);
    const disk = machine.disks.find((one) => one.file === file);
    const from = files.get(file);
    if (disk === undefined || from === undefined) {
      throw new CasemateError(
        "package/mismatch",
        `Cannot take ${file} out of ${path}: it has no such disk, expected one.`,
      );
    }
    const compared = manifest === undefined ? 0 : comparedPart;
    if (manifest !== undefined) {
      const onFraction = partProgress(onProgress, disk.capacity, 0, compared);
      const onBytes = (read: number): void => onFraction(read / from.size);
      await verifyPackedFile(from, manifest, onBytes, signal);
    }
    const { format, capacity } = disk;
    const onFraction = partProgress(onProgress, capacity, compared, 1);
    await extractImage(guard, { from, format, capacity, to, toFormat }, onFraction, signal);
  }

  /** HOSTILE: a package may name any file beside it: VMs' disks are not among those that it gets. */
  async #read(guard: StorageGuard, path: string, signal?: AbortSignal): Promise<OvfPackage> {
    return await readPackage(path, async (file) => {
      let real: string;
      try {
        real = await guard.readable(file);
      } catch (thrown) {
        if (thrown instanceof CasemateError && thrown.code === "storage/unknown" && file !== path)
          return undefined;
        throw thrown;
      }
      await this.#context.verifyUnused(real, () => true, signal);
      return real;
    });
  }
}

/** The bus of those that a descriptor can tell that is most like QEMU's. */
function knownBus(bus: string): MachineDisk["bus"] {
  switch (bus) {
    case "virtio":
    case "sata":
    case "ide":
    case "scsi":
      return bus;
    default:
      return "sata";
  }
}
