import type { DomainDescription, HostAgent, SnapshotDescription } from "@casemate/agent";
import { CasemateError } from "@casemate/core";
import { type ChainLayer, readDiskChain } from "./read-disk-chain.ts";

/** What belongs to one VM alone, and what of its disks does not. */
export interface OwnFiles {
  /** Images of its disks, with the states below them that its external snapshots keep, and their memory. */
  readonly files: readonly string[];
  /** Disks that are left alone, each with the reason. */
  readonly left: readonly string[];
}

/** The files that go when a VM goes with its disks. */
export async function findOwnFiles(
  host: HostAgent,
  vm: DomainDescription,
  snapshots: readonly SnapshotDescription[],
  signal: AbortSignal,
): Promise<OwnFiles> {
  const overlays = new Set(
    snapshots.flatMap(({ disks }) =>
      disks.flatMap((disk) =>
        disk.kind === "external" && disk.overlay !== undefined ? [disk.overlay] : [],
      ),
    ),
  );
  const files = new Set<string>();
  const left: string[] = [];
  for (const disk of vm.disks) {
    if (disk.source.kind === "none") continue;
    if (disk.readonly || disk.device === "cdrom" || disk.device === "floppy") {
      left.push(`${disk.target} is read-only to it`);
    } else if (disk.shareable) left.push(`${disk.target} is shared`);
    else if (disk.source.kind !== "file" && disk.source.kind !== "volume") {
      left.push(`${disk.target} is no file (${disk.source.kind})`);
    } else addOwn(files, await readChainOrTop(host, vm, disk.target, signal), overlays);
  }
  // Of branches that the VM went back from.
  for (const overlay of overlays) files.add(overlay);
  for (const { memory } of snapshots) if (memory.kind === "external") files.add(memory.path);
  return { files: [...files].toSorted(), left };
}

/** What lies below a disk is the VM's own as long as a snapshot of the VM put it there. */
function addOwn(
  files: Set<string>,
  chain: readonly ChainLayer[],
  overlays: ReadonlySet<string>,
): void {
  for (const { path } of chain) {
    files.add(path);
    if (!overlays.has(path)) return;
  }
}

async function readChainOrTop(
  host: HostAgent,
  { disks }: DomainDescription,
  target: string,
  signal: AbortSignal,
): Promise<readonly ChainLayer[]> {
  const disk = disks.find((each) => each.target === target);
  if (disk === undefined) return [];
  try {
    return await readDiskChain(host, disk, signal);
  } catch (thrown) {
    // A disk whose file is gone already: there is nothing below it that would be this VM's.
    const gone = thrown instanceof CasemateError && thrown.code === "storage/unknown";
    if (gone && "path" in disk.source) return [{ path: disk.source.path, format: disk.format }];
    throw thrown;
  }
}
