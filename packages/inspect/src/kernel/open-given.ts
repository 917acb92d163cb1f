import { CasemateError } from "@casemate/core";
import type { Budget } from "../budget.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { findRunningImage } from "./find-running-image.ts";
import type { Kernel } from "./kernel.ts";
import { KernelProfile } from "./kernel-profile.ts";
import type { KernelTypes, PlacedBytes } from "./kernel-types.ts";
import { openKernel } from "./open-kernel.ts";

/**
 * Opens the kernel that runs with types that its memory does not hold, if they are of its build: its notes
 * (the build-id) and its banner stand in RAM where they are in the image, and its own symbols say that its
 * types would be where the image has them. `undefined` where low memory does not lead to a kernel.
 *
 * Throws `kernel/no-btf` for another build, and what opening a kernel throws.
 */
export function openGiven(
  physical: PhysicalReader,
  { btf, notes, banner }: KernelTypes,
  budget: Budget,
): { readonly kernel: Kernel; readonly profile: KernelProfile } | undefined {
  const image = findRunningImage(physical);
  if (image === undefined) return undefined;
  const isThere = ({ offset, bytes }: PlacedBytes) => {
    const at = image.start + offset;
    return physical.has(at, bytes.length) && physical.equals(at, bytes);
  };
  if (!isThere(notes) || !isThere(banner)) throw anotherBuild("its notes or its banner differ");
  const location = { start: image.start + btf.offset, length: btf.bytes.length };
  const profile = KernelProfile.readWith(btf.bytes, physical, location, budget);
  if (profile.symbols.find("__start_BTF")?.offset !== btf.offset) {
    throw anotherBuild("its symbols have __start_BTF elsewhere");
  }
  return { profile, kernel: openKernel(physical, location, profile, "disk") };
}

function anotherBuild(seen: string): CasemateError {
  return new CasemateError(
    "kernel/no-btf",
    `Cannot read the kernel by the types of an image: ${seen}, expected the build that runs.`,
  );
}
