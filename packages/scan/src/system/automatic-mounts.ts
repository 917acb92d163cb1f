import { CasemateError } from "@casemate/core";
import type { FileSystem } from "@casemate/formats/disk";
import type { SystemRoot } from "./find-root.ts";
import type { SystemVolume } from "./find-volumes.ts";
import type { FstabEntry } from "./fstab.ts";

/**
 * Where systemd mounts partitions by their type, without an fstab (uapi-group.org, "Discoverable Partitions
 * Specification"; systemd-gpt-auto-generator(8)). The first place that is there is taken.
 */
const PLACES: readonly (readonly [type: string, places: readonly string[]])[] = [
  ["bc13c2ff-59e6-4262-a352-b275fd6f7172", ["/boot"]],
  ["c12a7328-f81f-11d2-ba4b-00a0c93ec93b", ["/efi", "/boot", "/boot/efi"]],
  ["933ac7e1-2eb4-4f13-b844-0e14e2aef915", ["/home"]],
  ["3b8f8425-20e0-4f3b-907f-1a25a76f98e8", ["/srv"]],
  ["4d21b016-b534-45c2-a9fb-5c16e091fd2d", ["/var"]],
  ["7ec6f557-3bc5-4aca-b293-16ef5df639d1", ["/var/tmp"]],
];

/** What is mounted besides what the fstab says: only on directories that are empty, and no volume twice. */
export function listAutomaticMounts(
  { fstab, files, volume: own }: SystemRoot,
  volumes: readonly SystemVolume[],
  mounted: ReadonlySet<SystemVolume>,
): readonly FstabEntry[] {
  const taken = new Set(fstab.map(({ path }) => path));
  const entries: FstabEntry[] = [];
  for (const [type, places] of PLACES) {
    const volume = volumes.find(
      ({ origin }) => origin.kind === "partition" && origin.partition.type === type,
    );
    if (volume?.origin.kind !== "partition" || volume === own || mounted.has(volume)) continue;
    const path = places.find((place) => !taken.has(place) && isEmpty(files, place));
    const { uuid } = volume.origin.partition;
    if (path === undefined || uuid === undefined) continue;
    taken.add(path);
    entries.push({ source: `PARTUUID=${uuid}`, path, type: "auto", options: new Map() });
  }
  return entries;
}

function isEmpty(files: FileSystem, path: string): boolean {
  try {
    return files.readDirectory(path)[Symbol.iterator]().next().done === true;
  } catch (thrown) {
    if (thrown instanceof CasemateError) return false;
    throw thrown;
  }
}
