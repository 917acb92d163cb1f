import type { Gva } from "@casemate/core";
import { CasemateError, formatBytes } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { pathWriter } from "../linux/d-path.ts";
import { fileUserPath } from "../linux/file-user-path.ts";
import { findInit } from "../linux/find-init.ts";
import { findTask } from "../linux/find-task.ts";
import { getFsRoot } from "../linux/get-fs-root.ts";
import { vmaName } from "../linux/vma-name.ts";
import { walkProcessMemory } from "../linux/walk-process-memory.ts";
import { defineView } from "./define-view.ts";
import { pidArgument } from "./pid-argument.ts";
import { StringFinder } from "./string-finder.ts";

export interface StringRow {
  readonly address: string;
  /** The file or name of the mapping it is in. HOSTILE. */
  readonly mapping: string;
  /** The text; null of a row that says what is missing. HOSTILE. */
  readonly text: string | null;
  /** Bytes of the mapping that were never touched or not yet read from its file. */
  readonly absentBytes: number;
  /** Bytes of the mapping that are swapped out. */
  readonly swappedBytes: number;
}

/** What one look may bring, as JSON: more would not fit into the answer. */
const MAX_ANSWER = 48 * 1024 * 1024;
/** What a row has besides its text and its mapping. */
const ROW = 128;

/** Texts of at least six printable characters in all that a process may read: `strings -n 6`. */
export const strings = defineView({
  id: "strings",
  kind: "StringList",
  title: "Texts in the memory of a process",
  needs: ["kernelMetadata", "userMemory"],
  argument: pidArgument,
  read(access, _budget, pid): readonly StringRow[] {
    const { kernel } = access;
    const mm = kernel.struct("task_struct").pointer("mm")(findTask(kernel, pid));
    if (mm === 0n) return []; // a kernel thread, or a process that has ended
    const mappingOf = mappingName(kernel);
    const rows: StringRow[] = [];
    let length = 0;
    for (const { vma, pieces } of walkProcessMemory(access, mm)) {
      const mapping = mappingOf(vma);
      const missing = { absent: 0, swapped: 0 };
      const finder = new StringFinder((address, text) => {
        length += text.length + mapping.length + ROW;
        if (length > MAX_ANSWER) throw tooMuch(pid);
        const found = { address: `0x${address.toString(16)}`, mapping, text };
        rows.push({ ...found, absentBytes: 0, swappedBytes: 0 });
      });
      let first: Gva | undefined;
      for (const piece of pieces) {
        first ??= piece.address;
        if (piece.kind === "present") finder.add(piece.address, piece.bytes);
        else {
          finder.end();
          missing[piece.kind] += piece.length;
        }
      }
      finder.end();
      const { absent: absentBytes, swapped: swappedBytes } = missing;
      if (first === undefined || absentBytes + swappedBytes === 0) continue;
      const address = `0x${first.toString(16)}`;
      rows.push({ address, mapping, text: null, absentBytes, swappedBytes });
    }
    return rows;
  },
  columns: [
    { key: "address", title: "ADDRESS", align: "right" },
    { key: "mapping", title: "MAPPING" },
    { key: "text", title: "TEXT", text: (row) => row.text ?? missingText(row) },
  ],
});

function missingText({ absentBytes, swappedBytes }: StringRow): string {
  const parts = [
    ...(absentBytes === 0 ? [] : [`${formatBytes(absentBytes)} never loaded`]),
    ...(swappedBytes === 0 ? [] : [`${formatBytes(swappedBytes)} swapped out`]),
  ];
  return `(${parts.join(", ")})`;
}

function mappingName(kernel: KernelReader): Accessor<string> {
  const file = kernel.struct("vm_area_struct").pointer("vm_file");
  const userPath = fileUserPath(kernel);
  const name = vmaName(kernel);
  const paths = pathWriter(kernel, getFsRoot(kernel, findInit(kernel)));
  return (vma) => {
    const opened = file(vma);
    return opened === 0n ? name(vma) : paths.dPath(userPath(opened));
  };
}

function tooMuch(pid: number): CasemateError {
  return new CasemateError(
    "inspect/budget",
    `Cannot read the texts of process ${pid}: there are more than ${formatBytes(MAX_ANSWER)}, expected less.`,
  );
}
