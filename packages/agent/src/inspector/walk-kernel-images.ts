import { type CasemateError, MiB, toCasemateError } from "@casemate/core";
import {
  type BlockReader,
  type FileSystem,
  openFileSystem,
  walkVolumes,
} from "@casemate/formats/disk";
import { type KernelImage, parseKernelImage } from "@casemate/formats/kernel-image";
import { kernelPlaces } from "./kernel-places.ts";

/** Debian's largest are 15 MiB. */
const MAX_IMAGE_BYTES = 128 * MiB;

/** A kernel image, or why something that might have held one could not be read. */
export type FoundKernelImage =
  | { readonly image: KernelImage; readonly problem?: undefined }
  | { readonly image?: undefined; readonly problem: CasemateError };

/**
 * The kernel images of a release on a guest's disks, each read when it is asked for.
 *
 * The guest may write to the disks meanwhile: kernels do not change, and whether one is of the build that
 * runs is the caller's to check. HOSTILE: the guest controls all of it.
 */
export function* walkKernelImages(
  disks: readonly BlockReader[],
  release: string,
): Generator<FoundKernelImage> {
  for (const { reader, holds, problem } of walkVolumes(disks)) {
    if (problem !== undefined) yield { problem };
    // What a volume group's disks hold comes as its logical volumes.
    else if (holds !== "LVM2_member" && holds !== "swap") yield* walkVolume(reader, release);
  }
}

function* walkVolume(volume: BlockReader, release: string): Generator<FoundKernelImage> {
  let fs: FileSystem;
  try {
    fs = openFileSystem(volume);
  } catch (thrown) {
    yield { problem: toCasemateError(thrown) };
    return;
  }
  for (const place of kernelPlaces(release)) {
    try {
      const file = fs.readFile(place, MAX_IMAGE_BYTES);
      yield { image: parseKernelImage(file) };
    } catch (thrown) {
      const problem = toCasemateError(thrown);
      if (problem.code !== "disk/not-found") yield { problem };
    }
  }
}
