import type { DomainDisk, HostAgent } from "@casemate/agent";
import { readDiskImage } from "./disk-image.ts";

/** One file of a disk. */
export type ChainLayer = { readonly path: string; readonly format: string };

/** A disk's file and what it rests on, nearest first; nothing for empty drives and disks on the network. */
export async function readDiskChain(
  host: HostAgent,
  disk: DomainDisk,
  signal: AbortSignal,
): Promise<readonly ChainLayer[]> {
  const image = await readDiskImage(host, disk, signal);
  if (image === undefined) return [];
  const top = { path: image.path, format: image.format };
  if (image.format === "raw") return [top];
  const { backing } = await host.hypervisor.images.describe(image.path, image.format, signal);
  return [top, ...backing.map(({ path, format }) => ({ path, format }))];
}
