import { join } from "node:path";
import type { DomainDisk, HostAgent } from "@casemate/agent";

/** Where a disk's bytes are, on its host. */
export interface DiskImage {
  readonly path: string;
  /** Whether it is a block device. */
  readonly block: boolean;
  /** As the definition says it: never guessed, for a guest writes its disk's first bytes. */
  readonly format: string;
}

/** The file or device of a disk; undefined for an empty drive and for what is on the network. */
export async function readDiskImage(
  { hypervisor: { storage } }: HostAgent,
  { source, format }: Pick<DomainDisk, "source" | "format">,
  signal: AbortSignal,
): Promise<DiskImage | undefined> {
  switch (source.kind) {
    case "file":
    case "block":
      return { path: source.path, block: source.kind === "block", format };
    case "volume": {
      const pool = (await storage.pools(signal)).find(({ name }) => name === source.pool);
      if (pool === undefined) return undefined;
      const volumes = pool.state === "running" ? await storage.volumes(pool.uuid, signal) : [];
      const volume = volumes.find(({ name }) => name === source.volume);
      if (volume !== undefined)
        return { path: volume.path, block: volume.kind === "block", format };
      // libvirt reads a pool's directory now and then: a new file is where it belongs all the same.
      if (pool.path === undefined) return undefined;
      return { path: join(pool.path, source.volume), block: false, format };
    }
    case "network":
    case "none":
    case "other":
      return undefined;
  }
}
