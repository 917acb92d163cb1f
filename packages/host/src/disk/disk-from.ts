import { type BlockReader, type LuksKey, openImageChain, Qcow2Image } from "@casemate/formats/disk";
import type { DiskDescription, LayerDescription } from "./disk-description.ts";
import { FileReader } from "./file-reader.ts";
import { NbdDisk } from "./nbd/nbd-disk.ts";
import { nbdError } from "./nbd/nbd-error.ts";
import { openForeignDisk } from "./open-foreign-disk.ts";

/**
 * Reads the disk that was described where it was opened, by descriptors this process holds and the caller
 * closes. `key` opens the qcow2 images among them that are encrypted. Throws `disk/*`.
 *
 * What QEMU has to read is read by a process of its own, which ends with this one.
 */
export function diskFrom(
  description: DiskDescription,
  fds: readonly number[],
  key?: LuksKey,
): BlockReader {
  if ("nbd" in description) {
    const { nbd } = description;
    return new NbdDisk(fds[nbd.socket] ?? -1, nbd.export);
  }
  const { name, layers, snapshot } = description;
  const chain = layers.map((layer): OpenLayer => ({ ...openLayer(layer, name, fds), key }));
  return snapshot === undefined ? openImageChain(chain) : openSnapshot(chain, snapshot, name);
}

type OpenLayer = Parameters<typeof openImageChain>[0][number];

function openLayer(
  { format, file, size }: LayerDescription,
  name: string,
  fds: readonly number[],
): OpenLayer {
  const reader = new FileReader(fds[file] ?? -1, name, size);
  if (format === "raw" || format === "qcow2") return { format, file: reader };
  return { format: "raw", file: openForeignDisk(reader, format).disk };
}

/** By its name alone: one snapshot's name may be another's id. */
function openSnapshot(
  [top, ...below]: readonly OpenLayer[],
  wanted: string,
  name: string,
): BlockReader {
  const backing = below.length === 0 ? undefined : openImageChain(below);
  const image =
    top?.format === "qcow2" ? new Qcow2Image(top.file, { backing, key: top.key }) : undefined;
  const id = image?.snapshots().find((snapshot) => snapshot.name === wanted)?.id;
  if (top !== undefined && id !== undefined) {
    return new Qcow2Image(top.file, { backing, key: top.key, snapshot: id });
  }
  throw nbdError("disk/not-found", `read snapshot ${wanted} of ${name}`, {
    seen: "its image has none of that name",
    needed: "one",
  });
}
