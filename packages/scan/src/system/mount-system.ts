import { CasemateError } from "@casemate/core";
import { type FileNode, FileSystem } from "@casemate/formats/disk";
import { listAutomaticMounts } from "./automatic-mounts.ts";
import type { SystemRoot } from "./find-root.ts";
import type { SystemVolume } from "./find-volumes.ts";
import type { FstabEntry } from "./fstab.ts";
import { matchesVolume } from "./match-volume.ts";
import { MountedNode, type MountPoint, NumberedNode } from "./mounted-node.ts";
import { openSubvolume } from "./open-subvolume.ts";

/** A system's tree, as it looks once it runs. */
export interface MountedSystem {
  readonly files: FileSystem;
  /** Where each volume is in the tree; `/` for the root's. */
  readonly paths: ReadonlyMap<SystemVolume, readonly string[]>;
  /** What the fstab mounts and is not in the tree, by its path. */
  readonly problems: ReadonlyMap<string, CasemateError>;
}

/** Nothing of these is on a disk (Linux, /proc/filesystems `nodev`), or it is a medium somebody inserts. */
const VIRTUAL: ReadonlySet<string> = new Set([
  ...["proc", "sysfs", "tmpfs", "ramfs", "devpts", "devtmpfs", "cgroup", "cgroup2", "debugfs"],
  ...["tracefs", "securityfs", "configfs", "hugetlbfs", "mqueue", "efivarfs", "bpf", "none"],
  ...["binfmt_misc", "fusectl", "pstore", "iso9660", "udf", "overlay", "ignore"],
]);
const NETWORK = /^(?:nfs4?|cifs|smb3?|9p|virtiofs|ceph|glusterfs|fuse\.(?:sshfs|ceph|glusterfs))$/;

/** Mounts what the root's fstab says that is on `volumes`, then what systemd mounts without one. */
export function mountSystem(root: SystemRoot, volumes: readonly SystemVolume[]): MountedSystem {
  const paths = new Map<SystemVolume, string[]>([[root.volume, ["/"]]]);
  const problems = new Map<string, CasemateError>();
  const top: MountPoint = { below: new Map() };
  let mounts = 0;
  const mount = (entry: FstabEntry): void => {
    try {
      const { volume, node } = openMount(entry, volumes);
      mounts += 1;
      pointAt(top, entry.path).root = new NumberedNode(node, mounts);
      paths.set(volume, [...(paths.get(volume) ?? []), entry.path]);
    } catch (thrown) {
      if (!(thrown instanceof CasemateError)) throw thrown;
      problems.set(entry.path, thrown);
    }
  };
  for (const entry of root.fstab) {
    if (entry.path !== "/" && !VIRTUAL.has(entry.type) && !isBind(entry)) mount(entry);
  }
  for (const entry of listAutomaticMounts(root, volumes, new Set(paths.keys()))) mount(entry);
  const bare = root.files.volume.root;
  const tree = top.below.size === 0 ? bare : new MountedNode(bare, top);
  const files = new FileSystem({ ...root.files.volume, root: tree });
  for (const path of [...paths.values()].flat()) {
    const problem = findProblem(files, path);
    if (problem !== undefined) problems.set(path, problem);
  }
  return { files, paths, problems };
}

const isBind = ({ options }: FstabEntry): boolean => options.has("bind") || options.has("rbind");

interface Mount {
  readonly volume: SystemVolume;
  readonly node: FileNode;
}

/** Throws `disk/*` where it is not on these disks, or not readable. */
function openMount(entry: FstabEntry, volumes: readonly SystemVolume[]): Mount {
  const volume = volumes.find((each) => matchesVolume(each, entry.source));
  if (volume === undefined) throw notThere(entry);
  if (volume.files === undefined) throw volume.problem ?? notThere(entry);
  const path = entry.options.get("subvol");
  const id = entry.options.get("subvolid");
  const isPart = volume.kind === "btrfs" && (path !== undefined || id !== undefined);
  const files = isPart
    ? // The path says which of the two is meant, as mount(8) insists that they agree.
      openSubvolume(volume, path === undefined ? { id: Number(id) } : { path })
    : volume.files;
  return { volume, node: files.volume.root };
}

function pointAt(top: MountPoint, path: string): MountPoint {
  let point = top;
  for (const name of path.split("/").slice(1)) {
    const next: MountPoint = point.below.get(name) ?? { below: new Map() };
    point.below.set(name, next);
    point = next;
  }
  return point;
}

/** Why nothing is at a mount's path: there is no directory to mount it on. */
function findProblem(files: FileSystem, path: string): CasemateError | undefined {
  try {
    files.stat(path);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof CasemateError) return thrown;
    throw thrown;
  }
}

function notThere(entry: FstabEntry): CasemateError {
  const isFar = NETWORK.test(entry.type) || /^[^/=]+:/.test(entry.source);
  return cannotMount(entry, isFar ? "it is on another machine" : "no volume of these disks is it");
}

function cannotMount({ source, path, type }: FstabEntry, seen: string): CasemateError {
  return new CasemateError(
    "disk/incomplete",
    `Cannot look into ${path}: ${seen}, expected ${type} of ${source}.`,
  );
}
