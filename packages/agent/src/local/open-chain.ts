import { constants, openSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import {
  type ChainDescription,
  describeImage,
  foreignFormats,
  type ImageLayer,
  type LayerDescription,
  type StorageGuard,
} from "@casemate/host";

/** Which image a disk is in, and which of its states is wanted. */
export interface ChainRequest {
  /** The disk's target, for errors and people. */
  readonly name: string;
  readonly file: string;
  /** As the VM's definition tells it. */
  readonly format: string;
  /** `below`: what the image is a layer above; a text: the internal snapshot of that name, of whichever layer. */
  readonly state: "now" | "below" | { readonly snapshot: string };
  /** Throws where the file may not be read because a VM writes it. */
  verifyStill(file: string): Promise<void>;
}

/**
 * Opens the files of a disk, through the guard that no name in an image's header leads out of; descriptors
 * are added to `fds` and are the caller's.
 *
 * Throws `image/*`, `storage/*`, `snapshot/unknown`, `disk/unreadable`, `disk/unsupported`.
 */
export async function openChain(
  guard: StorageGuard,
  { name, file, format, state, verifyStill }: ChainRequest,
  fds: number[],
  signal?: AbortSignal,
): Promise<ChainDescription> {
  const image = await describeImage(guard, file, format, signal);
  const chain: readonly ImageLayer[] = [image, ...image.backing];
  if (state === "now" || state === "below") {
    const layers = state === "now" ? chain : image.backing;
    if (layers.length === 0) throw unknown(name, "its image is a layer above none");
    for (const { path } of layers) await verifyStill(path);
    return { name, layers: openLayers(layers, fds) };
  }
  for (const layer of chain) {
    const { snapshots, backing } = await describeImage(guard, layer.path, layer.format, signal);
    if (!snapshots.includes(state.snapshot)) continue;
    // What the snapshot has of the image itself nobody writes, whatever the VM does.
    for (const { path } of backing) await verifyStill(path);
    return { name, layers: openLayers([layer, ...backing], fds), snapshot: state.snapshot };
  }
  throw unknown(name, `none of its images has a snapshot ${state.snapshot}`);
}

function openLayers(layers: readonly ImageLayer[], fds: number[]): readonly LayerDescription[] {
  return layers.map(({ path, format, actualSize, virtualSize }) => {
    const size = format === "raw" ? virtualSize : actualSize;
    const file = fds.push(openForReading(path)) - 1;
    return { format: readable(format, path), file, ...(path.startsWith("/dev/") ? { size } : {}) };
  });
}

function readable(format: string, path: string): LayerDescription["format"] {
  const known = (["raw", "qcow2", ...foreignFormats] as const).find((each) => each === format);
  if (known !== undefined) return known;
  throw new CasemateError(
    "disk/unsupported",
    `Cannot read ${path}: its format is ${format}, expected one that QEMU has.`,
  );
}

function openForReading(path: string): number {
  try {
    // Its links were followed when it was allowed: what is a link now was put there since.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (cause) {
    throw new CasemateError(
      "disk/unreadable",
      `Cannot open ${path}: ${cause instanceof Error ? cause.message : cause}, expected a readable file.`,
      { cause },
    );
  }
}

function unknown(name: string, seen: string): CasemateError {
  return new CasemateError(
    "snapshot/unknown",
    `Cannot read that state of disk ${name}: ${seen}, expected one.`,
  );
}
