import type { PhysicalMemory } from "@casemate/core";
import { memoryFrom } from "./memory-from.ts";
import { type GuestMemorySource, openGuestMemory } from "./open-guest-memory.ts";

/** Opens and reads a running guest's RAM in one process: `openGuestMemory`, then `memoryFrom`. */
export async function openVmMemory(
  source: GuestMemorySource,
  signal?: AbortSignal,
): Promise<PhysicalMemory> {
  const { description, fds } = await openGuestMemory(source, signal);
  return memoryFrom(description, fds);
}
