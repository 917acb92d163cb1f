import type { PhysicalMemory } from "@casemate/core";
import { Budget } from "../budget.ts";
import { PhysicalReader } from "../memory/physical-reader.ts";
import { findBanner } from "./find-banner.ts";
import { findRunningImage } from "./find-running-image.ts";

/** An image is 1 GiB at most: 256 chunks of 256 steps. */
const MAX_STEPS = 1_000_000;
/** What builds of the kernel allow in a release (Makefile, filechk_kernel.release): no slash among it. */
const RELEASE = /^[\w.+~-]{1,64}$/;

/**
 * `uname -r` of the kernel that runs in `memory`, by its banner alone: for finding its image on a disk.
 * `undefined` where low memory does not lead to a kernel.
 */
export function findRelease(memory: PhysicalMemory): string | undefined {
  const physical = new PhysicalReader(memory);
  const image = findRunningImage(physical);
  if (image === undefined) return undefined;
  const banner = findBanner(physical, new Budget({ steps: MAX_STEPS }), [image]);
  const release = banner?.split(" ")[2] ?? "";
  return RELEASE.test(release) ? release : undefined;
}
