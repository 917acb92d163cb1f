import type { DomainDescription, HostAgent } from "@casemate/agent";
import { type DefinitionDescription, type DomainDisk, describeDomain } from "@casemate/agent";
import { type CasemateError, toCasemateError } from "@casemate/core";
import { readDiskImage } from "./disk-image.ts";
import { refused } from "./refused.ts";

/** A VM that has a file as its disk, or as what one of its disks rests on. */
export interface DiskUser {
  readonly vm: string;
  readonly target: string;
  readonly path: string;
  readonly as: "disk" | "backing file";
  readonly readonly: boolean;
  readonly shareable: boolean;
}

/**
 * Who uses the files, of all VMs but `except`: as they run, and as their definitions say.
 *
 * Throws `operation/refused` where a disk cannot be looked into: it might rest on one of them.
 */
export async function findDiskUsers(
  doing: string,
  host: HostAgent,
  paths: ReadonlySet<string>,
  except: string | undefined,
  signal: AbortSignal,
): Promise<readonly DiskUser[]> {
  if (paths.size === 0) return [];
  const users: DiskUser[] = [];
  for (const vm of await host.hypervisor.domains.list(signal)) {
    if (vm.uuid === except) continue;
    for (const disk of await readDisks(host, vm, signal)) {
      const image = await readDiskImage(host, disk, signal);
      if (image === undefined) continue;
      const { target, readonly, shareable } = disk;
      const user = { vm: vm.name, target, readonly, shareable };
      if (paths.has(image.path)) users.push({ ...user, path: image.path, as: "disk" });
      for (const path of await readBacking(doing, host, vm.name, disk, image.path, signal)) {
        if (paths.has(path)) users.push({ ...user, path, as: "backing file" });
      }
    }
  }
  return users;
}

/** What runs and what starts next may have other disks. */
async function readDisks(
  { hypervisor: { domains } }: HostAgent,
  { uuid, runId, persistent, disks }: DomainDescription,
  signal: AbortSignal,
): Promise<readonly DomainDisk[]> {
  if (runId === undefined || !persistent) return disks;
  const next: DefinitionDescription = describeDomain(
    await domains.definition(uuid, "inactive", signal),
  );
  const known = new Set(disks.map(({ source }) => JSON.stringify(source)));
  return [...disks, ...next.disks.filter(({ source }) => !known.has(JSON.stringify(source)))];
}

async function readBacking(
  doing: string,
  { hypervisor: { images, storage } }: HostAgent,
  vm: string,
  { format, backing, target }: DomainDisk,
  path: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (format === "raw") return [];
  if (backing.length > 0) {
    return backing.flatMap(({ source }) => ("path" in source ? [source.path] : []));
  }
  try {
    const image = await images.describe(path, format, signal);
    return image.backing.map((layer) => layer.path);
  } catch (thrown) {
    const missing = await storage.stat(path, signal).then(
      (there) => there === undefined,
      () => false, // outside of the pools: the first failure says more
    );
    if (missing) return [];
    const cause: CasemateError = toCasemateError(thrown);
    if (cause.code === "cancelled") throw cause;
    throw refused(
      doing,
      `what disk ${target} of ${vm} rests on cannot be told (${cause.message})`,
      "every VM's disks to be readable",
    );
  }
}
