import { CasemateError } from "@casemate/core";
import { FileSystem, openBtrfs } from "@casemate/formats/disk";
import type { SystemVolume } from "./find-volumes.ts";

/** The subvolume that holds all others (btrfs-subvolume(8)). */
const TOP_LEVEL = 5;

/** The file system of a volume as `mount -o subvol=` and `subvolid=` have it. Throws `disk/*`. */
export function openSubvolume(
  { reader, problem }: SystemVolume,
  { path = "/", id = TOP_LEVEL }: { readonly path?: string; readonly id?: number } = {},
): FileSystem {
  if (reader === undefined) throw problem ?? absent(path);
  return enter(openBtrfs(reader, { subvolume: id }), path);
}

/** A file system as it looks where `directory` of it is the root. Throws `disk/*`. */
export function enter(files: FileSystem, directory: string): FileSystem {
  const root = files.find(directory);
  if (root.stat.type === "directory") return new FileSystem({ ...files.volume, root });
  throw absent(directory);
}

function absent(path: string): CasemateError {
  return new CasemateError(
    "disk/not-found",
    `Cannot enter ${path} of a volume: it is no directory there, expected one.`,
  );
}
