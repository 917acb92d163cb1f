import { CasemateError } from "@casemate/core";
import type { FileSystem } from "@casemate/formats/disk";
import type { SystemVolume } from "./find-volumes.ts";
import { type FstabEntry, parseFstab } from "./fstab.ts";
import { matchesVolume } from "./match-volume.ts";
import { enter, openSubvolume } from "./open-subvolume.ts";

/** Where a system's root is. */
export interface SystemRoot {
  readonly volume: SystemVolume;
  /** The directory of the volume that is the root: `/`, or a subvolume's. */
  readonly directory: string;
  readonly files: FileSystem;
  readonly fstab: readonly FstabEntry[];
}

const MAX_FSTAB_BYTES = 1024 * 1024;
/** HOSTILE: subvolumes that are tried, of each volume. */
const MAX_SUBVOLUMES = 256;

/**
 * The roots of the systems on `volumes`: where an os-release is, or an /etc with users. Those that their own
 * fstab mounts as / come first, then those of no snapshot, then in the volumes' order.
 */
export function findRoots(volumes: readonly SystemVolume[]): readonly SystemRoot[] {
  const roots = volumes.flatMap((volume) => [...walkRoots(volume)]);
  const rank = (root: SystemRoot) => (isOwnRoot(root) ? 0 : isUsualPlace(root) ? 1 : 2);
  return roots.toSorted((one, other) => rank(one) - rank(other));
}

function* walkRoots(volume: SystemVolume): Generator<SystemRoot> {
  const { files } = volume;
  if (files === undefined) return;
  if (isRoot(files)) {
    yield { volume, directory: "/", files, fstab: readFstab(files) };
    return;
  }
  // Its default subvolume is no system: those of its top level may be.
  const top = attempt(() => openSubvolume(volume));
  if (top === undefined) return;
  let tried = 0;
  for (const { name } of top.readDirectory("/")) {
    tried += 1;
    if (tried > MAX_SUBVOLUMES) return;
    const directory = `/${name}`;
    const inner = attempt(() => enter(top, directory));
    if (inner === undefined || !isRoot(inner)) continue;
    yield { volume, directory, files: inner, fstab: readFstab(inner) };
  }
}

function isRoot(files: FileSystem): boolean {
  const has = (path: string) => attempt(() => files.stat(path)) !== undefined;
  return has("/etc/os-release") || has("/usr/lib/os-release") || has("/etc/passwd");
}

function readFstab(files: FileSystem): readonly FstabEntry[] {
  const text = attempt(() => files.readFile("/etc/fstab", MAX_FSTAB_BYTES).toString("utf8"));
  return parseFstab(text ?? "");
}

function isOwnRoot({ volume, directory, fstab }: SystemRoot): boolean {
  return fstab.some(({ path, source, options }) => {
    if (path !== "/" || !matchesVolume(volume, source)) return false;
    const wanted = options.get("subvol");
    return wanted === undefined || `/${wanted.replace(/^\/+/, "")}` === directory;
  });
}

/** Where distributions have it: openSUSE and Debian in `@`, Fedora in `root`. */
function isUsualPlace({ directory }: SystemRoot): boolean {
  return directory === "/" || directory === "/@" || directory === "/root";
}

function attempt<Value>(work: () => Value): Value | undefined {
  try {
    return work();
  } catch (thrown) {
    // What is damaged here is said once it is looked at.
    if (thrown instanceof CasemateError) return undefined;
    throw thrown;
  }
}
