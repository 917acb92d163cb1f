import { type Gva, gva } from "@casemate/core";
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
  const number = kernel.struct("inode").bigint("i_ino");
  const visitTables = inodeVisitor(kernel);
  for (const at of superBlock.list(kernel.symbol("super_blocks"), "s_list")) {
    const maker = owner(at) === 0n ? "kernel" : owner(at);
    // Those that were found before a list breaks off count.
    const found: FunctionTable[] = [];
    const note: NoteTable = (struct, table, inode) => {
      const where = () => `inode ${number(inode)} of ${name(at)}`;
      found.push({ struct, at: table, where, maker });
    };
    kernel.attempt(() => visitTables(at, note), "inodes of a super_block", at);
    yield* found;
  }
}

type NoteTable = (struct: string, table: Gva, inode: Gva) => void;

/**
 * Visits the tables of all inodes of a `super_block`, each once. It walks `s_inodes` without holding what it reads
 * against what is there in the end: files come and go all the time, and one that comes while it is looked is for
 * the next look.
 */
function inodeVisitor(kernel: KernelReader): (superBlock: Gva, note: NoteTable) => void {
  const { memory, budget } = kernel;
  const inodes = kernel.struct("super_block").address("s_inodes");
  const inode = kernel.struct("inode");
  const next = kernel.struct("list_head").offset("next");
  // Members are read by their distance from the list, so that no address is made for each inode.
  const list = inode.offset("i_sb_list");
  const tables = [
    { struct: "inode_operations", distance: inode.offset("i_op") - list },
    { struct: "file_operations", distance: inode.offset("i_fop") - list },
    { struct: "address_space_operations", distance: inode.offset("i_data.a_ops") - list },
  ].map((table) => ({ ...table, last: gva(0n), seen: new Set<Gva>() }));
  return (superBlock, note) => {
    for (const table of tables) {
      table.last = gva(0n);
      table.seen.clear();
    }
    const head = inodes(superBlock);
    const circle = new CircleFinder();
    for (let node = memory.pointer(head, next); node !== head; node = memory.pointer(node, next)) {
      budget.step();
      circle.visit(node);
      for (const table of tables) {
        // Inodes are many, and share a few tables: mostly it is that of the one before.
        if (memory.holds(node, table.distance, table.last)) continue;
        table.last = memory.pointer(node, table.distance);
        if (table.seen.has(table.last)) continue;
        table.seen.add(table.last);
        note(table.struct, table.last, inode.containerOf(node, "i_sb_list"));
      }
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
