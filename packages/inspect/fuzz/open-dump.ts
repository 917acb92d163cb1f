import type { PhysicalMemory } from "@casemate/core";
import { openMemoryImage } from "@casemate/host";

/** The dump that a fuzz target was given; it stays open until the process ends. */
export async function openDump(path: string | undefined): Promise<PhysicalMemory> {
  if (path === undefined) throw new Error("Cannot fuzz: give a memory image with --dump FILE.");
  return await openMemoryImage(path);
}
