import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { CircleFinder } from "../walk/circle-finder.ts";
import type { FunctionTable } from "./walk-function-tables.ts";
import { walkProcessFiles } from "./walk-process-files.ts";

/**
 * Tables of functions by which inodes in memory are used, each once a file system, and those of each open file of
 * processes.
 */
export function* walkInodeTables(kernel: KernelReader): Generator<FunctionTable> {
  yield* kernel.attemptWalk(walkInodes(kernel), "inodes");
  yield* kernel.attemptWalk(walkOpenFiles(kernel), "open files");
}

function* walkInodes(kernel: KernelReader): Generator<FunctionTable> {
  const superBlock = kernel.struct("super_block");
  const name = superBlock.string("s_type->name");
  const owner = superBlock.pointer("s_type->owner");
  const inodes = superBlock.address("s_inodes");
  const walkList = inodeWalker(kernel);
  const inode = kernel.struct("inode");
  const number = inode.bigint("i_ino");
  const tables = [
    { struct: "inode_operations", read: inode.pointer("i_op"), seen: new Set<Gva>() },
    { struct: "file_operations", read: inode.pointer("i_fop"), seen: new Set<Gva>() },
    {
      struct: "address_space_operations",
      read: inode.pointer("i_data.a_ops"),
      seen: new Set<Gva>(),
    },
  ];
  for (const at of superBlock.list(kernel.symbol("super_blocks"), "s_list")) {
    const maker = owner(at) === 0n ? "kernel" : owner(at);
    // Inodes are many, and share a few tables.
    for (const { seen } of tables) seen.clear();
    for (const each of kernel.attemptWalk(walkList(inodes(at)), "inodes of a super_block", at)) {
      for (const { struct, read, seen } of tables) {
        const table = read(each);
        if (seen.has(table)) continue;
        seen.add(table);
        const where = () => `inode ${number(each)} of ${name(at)}`;
        yield { struct, at: table, where, maker };
      }
    }
  }
}

/**
 * Walks `s_inodes` without holding what it reads against what is there in the end: files come and go all the
 * time, and one that comes while it is looked is for the next look.
 */
function inodeWalker(kernel: KernelReader): (head: Gva) => Generator<Gva> {
  const inode = kernel.struct("inode");
  const next = kernel.struct("list_head").offset("next");
  return function* (head) {
    const circle = new CircleFinder();
    for (let at = kernel.memory.pointer(head, next); at !== head; ) {
      kernel.budget.step();
      circle.visit(at);
      yield inode.containerOf(at, "i_sb_list");
      at = kernel.memory.pointer(at, next);
    }
  };
}

function* walkOpenFiles(kernel: KernelReader): Generator<FunctionTable> {
  const task = kernel.struct("task_struct");
  const pid = task.number("tgid");
  const table = kernel.struct("file").pointer("f_op");
  for (const { file, fd, task: process } of walkProcessFiles(kernel)) {
    const where = () => `file descriptor ${fd} of process ${pid(process)}`;
    yield { struct: "file_operations", at: table(file), where };
  }
}
