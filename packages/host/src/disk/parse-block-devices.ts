/** A file of a disk's chain, as QEMU tells of it. */
export interface BlockImage {
  readonly filename: string;
  readonly format: string;
}

/** A disk of a running VM: what it writes to first, what that is a layer above after it. */
export interface BlockDevice {
  readonly name: string;
  readonly images: readonly BlockImage[];
}

const MAX_LAYERS = 256;

/**
 * The disks in an answer to QMP `query-block` (qapi/block-core.json, BlockInfo and ImageInfo), empty drives
 * left out. HOSTILE: a QEMU that its guest broke out of may say anything.
 */
export function parseBlockDevices(answer: unknown): readonly BlockDevice[] {
  const devices: BlockDevice[] = [];
  for (const item of Array.isArray(answer) ? answer : []) {
    const images: BlockImage[] = [];
    let image: unknown = item?.inserted?.image;
    while (isImage(image) && images.length < MAX_LAYERS) {
      images.push({ filename: image.filename, format: image.format });
      image = image["backing-image"];
    }
    if (images.length === 0) continue;
    const name = [item.device, item.qdev].find((each) => typeof each === "string" && each !== "");
    devices.push({ name: name ?? "a disk", images });
  }
  return devices;
}

function isImage(value: unknown): value is BlockImage & { readonly "backing-image"?: unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    "filename" in value &&
    typeof value.filename === "string" &&
    "format" in value &&
    typeof value.format === "string"
  );
}
