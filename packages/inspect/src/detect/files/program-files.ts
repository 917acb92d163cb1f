import type { Gva } from "@casemate/core";
import type { KernelReader } from "../../kernel/kernel-reader.ts";
import { type CachedPage, cachedPages } from "../../linux/cached-pages.ts";
import { type Path, type PathWriter, pathWriter } from "../../linux/d-path.ts";
import { fileUserPath } from "../../linux/file-user-path.ts";
import { fileVersion } from "../../linux/file-version.ts";
import { findInit } from "../../linux/find-init.ts";
import { getFsRoot } from "../../linux/get-fs-root.ts";

/** A file that processes run code of. */
export interface ProgramFile {
  /** As the guest's first process sees it. HOSTILE. */
  readonly path: string;
  /** Whether it is on a disk: files of tmpfs are not. */
  readonly isOnDisk: boolean;
  /** Where it is on the guest's disks; `undefined` where it is out of the first process's sight. */
  readonly diskPath: string | undefined;
  /** Address of the `inode` that has the pages. */
  readonly inode: Gva;
  readonly inodeNumber: bigint;
  /** In bytes. */
  readonly size: number;
  /** The same for as long as nobody changes the file through the kernel. */
  readonly version: string;
  /** What of it is in RAM, by number of page; read when it is first asked for. */
  readonly pages: () => ReadonlyMap<number, CachedPage>;
}

/** `HUGETLBFS_MAGIC` (include/uapi/linux/magic.h): its pages are counted otherwise. */
const HUGETLBFS_MAGIC = 0x9584_58f6;

/** Describes the files behind `struct file`s, each once a look; `undefined` of those without pages of 4 KiB. */
export function programFiles(kernel: KernelReader): (file: Gva) => ProgramFile | undefined {
  const mapping = kernel.struct("file").pointer("f_mapping");
  const host = kernel.struct("address_space").pointer("host");
  const type = kernel.struct("inode");
  const magic = type.number("i_sb->s_magic");
  const disk = type.pointer("i_sb->s_bdev");
  const number = type.bigint("i_ino");
  const size = type.number("i_size");
  const version = fileVersion(kernel);
  const userPath = fileUserPath(kernel);
  const root = getFsRoot(kernel, findInit(kernel));
  const paths = pathWriter(kernel, root);
  const pathOnRoot = rootFileSystemPath(kernel, root, paths);
  const readPages = cachedPages(kernel);
  const known = new Map<Gva, ProgramFile | undefined>();
  const describe = (file: Gva, pagesAt: Gva): ProgramFile | undefined => {
    const inode = host(pagesAt);
    if (inode === 0n || magic(inode) === HUGETLBFS_MAGIC) return undefined;
    const user = userPath(file);
    let pages: ReadonlyMap<number, CachedPage> | undefined;
    return {
      path: paths.dPath(user),
      isOnDisk: disk(inode) !== 0n,
      diskPath: pathOnRoot(inode) ?? paths.pathBelowRoot(user),
      ...{ inode, inodeNumber: number(inode), size: size(inode) },
      version: version(inode),
      pages: () => (pages ??= readPages(pagesAt)),
    };
  };
  return (file) => {
    const pagesAt = mapping(file);
    if (!known.has(pagesAt)) known.set(pagesAt, describe(file, pagesAt));
    return known.get(pagesAt);
  };
}

/**
 * Writes where an inode of the root file system is, whoever sees it under which path: what containers run
 * mostly is a layer that is kept there.
 */
function rootFileSystemPath(
  kernel: KernelReader,
  root: Path,
  paths: PathWriter,
): (inode: Gva) => string | undefined {
  const dentry = kernel.struct("dentry");
  const fileSystem = dentry.pointer("d_sb")(root.dentry);
  // Of one that is mounted only in part it is not known where that begins.
  const isWhole = kernel.struct("super_block").pointer("s_root")(fileSystem) === root.dentry;
  const inodeType = kernel.struct("inode");
  const superBlock = inodeType.pointer("i_sb");
  const aliases = inodeType.address("i_dentry");
  const alias = dentry.has("d_u.d_alias") ? "d_u.d_alias" : "d_alias";
  return (inode) => {
    if (!isWhole || superBlock(inode) !== fileSystem) return undefined;
    for (const at of dentry.hlist(aliases(inode), alias)) {
      return paths.dentryPath(at).replace(/\/\/deleted$/, "");
    }
    return undefined;
  };
}
