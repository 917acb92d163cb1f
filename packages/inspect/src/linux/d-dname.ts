import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/**
 * Reads the name of a dentry that its file system makes up (`dentry_operations.d_dname`): `socket:[4711]`,
 * `pipe:[4711]`, `anon_inode:[eventfd]`; `undefined` of all others, and of file systems not known here.
 */
export function dDname(kernel: KernelReader): Accessor<string | undefined> {
  const dentry = kernel.struct("dentry");
  const operations = dentry.pointer("d_op");
  const dDnameOf = kernel.struct("dentry_operations").pointer("d_dname");
  const name = dentry.string("d_name.name");
  const inode = dentry.bigint("d_inode->i_ino");

  const writers: Readonly<Record<string, Accessor<string>>> = {
    pipefs_dname: (at) => `pipe:[${inode(at)}]`,
    sockfs_dname: (at) => `socket:[${inode(at)}]`,
    anon_inodefs_dname: (at) => `anon_inode:${name(at)}`,
    pidfs_dname: () => "anon_inode:[pidfd]",
    simple_dname: (at) => `/${name(at)} (deleted)`,
    ns_dname: nsDname(kernel),
    dmabuffs_dname: (at) => {
      const buffer = dentry.pointer("d_fsdata")(at);
      return `/${name(at)}:${buffer === 0n ? "" : kernel.struct("dma_buf").string("name")(buffer)}`;
    },
  };
  const byFunction = new Map<Gva, Accessor<string>>();
  for (const [symbol, writer] of Object.entries(writers)) {
    if (kernel.hasSymbol(symbol)) byFunction.set(kernel.symbol(symbol), writer);
  }
  const byOperations = new Map<Gva, Accessor<string> | undefined>();
  return (at) => {
    const table = operations(at);
    if (table === 0n) return undefined;
    if (!byOperations.has(table)) byOperations.set(table, byFunction.get(dDnameOf(table)));
    return byOperations.get(table)?.(at);
  };
}

/** Reads the name of a namespace's dentry: `net:[4026531840]` (fs/nsfs.c). */
export function nsDname(kernel: KernelReader): Accessor<string> {
  const dentry = kernel.struct("dentry");
  const inode = dentry.bigint("d_inode->i_ino");
  const namespace = dentry.pointer("d_inode->i_private");
  const ops = kernel.struct("ns_common").pointer("ops");
  const kind = kernel.struct("proc_ns_operations").string("name");
  return (at) => `${kind(ops(namespace(at)))}:[${inode(at)}]`;
}
