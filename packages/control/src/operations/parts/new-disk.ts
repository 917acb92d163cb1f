import { join } from "node:path";
import type { HostAgent, OnProgress } from "@casemate/agent";
import { bytes, formatBytes, MiB } from "@casemate/core";
import { Type } from "typebox";
import { findDiskDirectory } from "./find-disk-directory.ts";
import { refused } from "./refused.ts";
import { verifyUnused } from "./verify-unused.ts";

/** A new VM's disk, as people say it: one of `capacity`, `copyOf` and `path`. */
export const newDiskParameter = Type.Object(
  {
    capacity: Type.Optional(
      Type.Integer({
        minimum: MiB,
        description: "An empty disk of so many bytes; with `copyOf`, what the copy is grown to.",
      }),
    ),
    copyOf: Type.Optional(Type.String({ pattern: "^/", description: "An image to be copied." })),
    path: Type.Optional(
      Type.String({ pattern: "^/", description: "A disk that is there, to be used as it is." }),
    ),
    format: Type.Optional(
      Type.Union([Type.Literal("raw"), Type.Literal("qcow2")], {
        description: "Of `copyOf` or `path`; of a new disk, which is qcow2 unless said.",
      }),
    ),
    pool: Type.Optional(Type.String({ description: "Where it is made." })),
    bus: Type.Optional(
      Type.Union([
        Type.Literal("virtio"),
        Type.Literal("sata"),
        Type.Literal("scsi"),
        Type.Literal("usb"),
      ]),
    ),
  },
  { additionalProperties: false },
);

/** What is said of one disk. */
interface Said {
  readonly capacity?: number;
  readonly copyOf?: string;
  readonly path?: string;
  readonly format?: "raw" | "qcow2";
  readonly pool?: string;
}

/** How one disk of a new VM comes to be. */
export type NewDisk = {
  readonly how: "create" | "copy" | "use";
  readonly path: string;
  readonly format: "raw" | "qcow2";
  readonly block: boolean;
  /** What is copied. */
  readonly from: { readonly path: string; readonly format: string } | null;
  /** What a guest sees, in bytes. */
  readonly capacity: number;
  /** Whether a copy is grown. */
  readonly grown: boolean;
};

/**
 * How a disk comes to be, with the room that it takes at first. Changes nothing.
 *
 * @param fileName the name of a new file, without its ending.
 *
 * Throws `operation/refused`, `storage/outside`, `image/*`.
 */
export async function planNewDisk(
  doing: string,
  host: HostAgent,
  said: Said,
  fileName: string,
  signal: AbortSignal,
): Promise<{ readonly disk: NewDisk; readonly firstBytes: number }> {
  const { capacity, copyOf, path, format } = said;
  const { images, storage } = host.hypervisor;
  const source = copyOf ?? path;
  if (
    path !== undefined
      ? capacity !== undefined || copyOf !== undefined
      : copyOf === undefined && capacity === undefined
  ) {
    throw refused(
      doing,
      "a disk is not told plainly",
      "its capacity, what it is a copy of, or its path",
    );
  }
  if (source !== undefined && format === undefined) {
    // HOSTILE: a guest may have written its first bytes, and could have it taken for another format.
    throw refused(doing, `the format of ${source} is not said`, "raw or qcow2");
  }
  if (path !== undefined) {
    await storage.verifyPath(path, signal);
    await verifyUnused(doing, host, [path], undefined, signal);
    const image = await images.describe(path, format, signal);
    const volume = await storage.findVolume(path, signal);
    return {
      disk: {
        ...{ how: "use", path, format: format ?? "raw", block: volume?.kind === "block" },
        ...{ from: null, capacity: image.virtualSize, grown: false },
      },
      firstBytes: 0,
    };
  }
  const directory = await findDiskDirectory(doing, host, said.pool, signal);
  if (copyOf === undefined) {
    const made = format ?? "qcow2";
    return {
      disk: {
        ...{ how: "create", path: join(directory, `${fileName}.${ending(made)}`), format: made },
        ...{ block: false, from: null, capacity: capacity ?? 0, grown: false },
      },
      firstBytes: MiB,
    };
  }
  await storage.verifyPath(copyOf, signal);
  // What is on a VM's disk goes out by cloning or exporting it: for these are other rules.
  await verifyUnused(doing, host, [copyOf], undefined, signal);
  const image = await images.describe(copyOf, format, signal);
  if (image.encrypted) throw refused(doing, `${copyOf} is encrypted`, "an image that can be read");
  if (capacity !== undefined && capacity < image.virtualSize) {
    throw refused(doing, `${copyOf} has ${formatBytes(image.virtualSize)}`, "no less for its copy");
  }
  return {
    disk: {
      ...{ how: "copy", path: join(directory, `${fileName}.qcow2`), format: "qcow2", block: false },
      from: { path: copyOf, format: image.format },
      capacity: capacity ?? image.virtualSize,
      grown: capacity !== undefined && capacity > image.virtualSize,
    },
    firstBytes: [image, ...image.backing].reduce((sum, layer) => sum + layer.actualSize, 0),
  };
}

/** Makes it. Throws `storage/exists`, `disk/full`, `image/*`. */
export async function makeNewDisk(
  { hypervisor: { images } }: HostAgent,
  { how, path, format, from, capacity, grown }: NewDisk,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  if (how === "create") {
    await images.create({ path, format, capacity: bytes(capacity) }, signal);
  }
  if (from === null) return;
  const copy = { from: from.path, fromFormat: from.format, to: path, toFormat: format };
  await images.copy(copy, onProgress, signal);
  if (grown) await images.resize(path, format, bytes(capacity), signal);
}

/** What becomes of the disk in a sentence. */
export function newDiskWords({ how, path, format, from, capacity, grown }: NewDisk): string {
  switch (how) {
    case "create":
      return `Make ${path}, an empty ${format} disk of ${formatBytes(capacity)}.`;
    case "copy":
      return `Copy ${from?.path} to ${path}${grown ? ` and grow it to ${formatBytes(capacity)}` : ""}.`;
    case "use":
      return `Use ${path} as it is.`;
  }
}

function ending(format: "raw" | "qcow2"): string {
  return format === "raw" ? "img" : "qcow2";
}
