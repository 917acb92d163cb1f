import { CasemateError, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { findInit } from "../linux/find-init.ts";
import { inodeType } from "../linux/inode-type.ts";
import { lookupPath } from "../linux/lookup-path.ts";
import { type FilePiece, readPageCache } from "../linux/read-page-cache.ts";
import { printable } from "../printable.ts";
import { defineView, type ViewArgument } from "./define-view.ts";

export interface FileRangeRow {
  /** In the file, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** `unread` where the file goes on beyond what one look brings. */
  readonly state: FilePiece["kind"] | "unread";
  /** The bytes in base64, where they are present. HOSTILE. */
  readonly contents: string | null;
}

/** Bytes of one row: 64 KiB in base64. */
const ROW_BYTES = 48 * 1024;
/** Bytes of one look. */
const MAX_BYTES = 32 * 1024 * 1024;
/** `PATH_MAX` (include/uapi/linux/limits.h). */
const MAX_PATH = 4096;

const pathArgument: ViewArgument<string> = {
  name: "PATH",
  description: "an absolute path in the guest, as its first process sees it",
  required: true,
  parse(text) {
    if (text.startsWith("/") && text.length < MAX_PATH && !text.includes("\0")) return text;
    throw new CasemateError(
      "usage",
      `Cannot read ${printable(text.slice(0, MAX_PATH))}: expected an absolute path.`,
    );
  },
};

/**
 * The contents of a file, as far as the guest's page cache holds them: ranges from the first byte to the
 * last, each with its bytes or with why they are missing. Nothing is read from a disk.
 */
export const readFile = defineView({
  id: "read-file",
  kind: "FileContents",
  title: "Contents of a file that the guest has in memory",
  needs: ["kernelMetadata", "fileContents"],
  argument: pathArgument,
  read(access, _budget, path): readonly FileRangeRow[] {
    const { kernel } = access;
    const { inode, dentry } = lookupPath(access, findInit(kernel), path);
    verifyReadable(kernel, inode, dentry, path);
    const rows: FileRangeRow[] = [];
    let read = 0;
    let run: Uint8Array[] = [];
    let runStart = 0;
    let runLength = 0;
    const endRun = () => {
      if (runLength === 0) return;
      const contents = Buffer.concat(run, runLength).toString("base64");
      rows.push({ offset: runStart, length: runLength, state: "present", contents });
      run = [];
      runLength = 0;
    };
    for (const piece of readPageCache(access, inode)) {
      if (piece.kind !== "present") {
        endRun();
        const { offset, length, kind } = piece;
        rows.push({ offset, length, state: kind, contents: null });
        continue;
      }
      const { offset, bytes } = piece;
      if (runLength + bytes.length > ROW_BYTES) endRun();
      if (read + bytes.length > MAX_BYTES) {
        const length = kernel.struct("inode").number("i_size")(inode) - offset;
        rows.push({ offset, length, state: "unread", contents: null });
        return rows;
      }
      if (runLength === 0) runStart = offset;
      run.push(bytes);
      runLength += bytes.length;
      read += bytes.length;
    }
    endRun();
    return rows;
  },
  columns: [
    { key: "offset", title: "OFFSET", align: "right" },
    { key: "length", title: "LENGTH", align: "right" },
    { key: "state", title: "STATE" },
  ],
  contents(rows) {
    const gap = rows.findIndex(({ contents }) => contents === null);
    const whole = gap < 0 ? rows : rows.slice(0, gap);
    const bytes = Buffer.concat(whole.map((row) => Buffer.from(row.contents ?? "", "base64")));
    return { bytes, missing: rows.reduce((sum, { length }) => sum + length, 0) - bytes.length };
  },
});

/** Throws where an inode has no contents in the page cache that are its own. */
function verifyReadable(kernel: KernelReader, inode: Gva, dentry: Gva, path: string): void {
  const kind = inodeType(kernel)(inode);
  if (kind !== "file") {
    throw new CasemateError(
      "usage",
      `Cannot read ${printable(path)}: it is a ${kind}, expected a regular file.`,
    );
  }
  const fileSystem = kernel.struct("dentry").string("d_sb->s_type->name")(dentry);
  if (!WITHOUT_PAGES.has(fileSystem)) return;
  throw new CasemateError(
    "inspect/not-in-memory",
    `Cannot read ${printable(path)}: files of ${printable(fileSystem)} have no contents of their own in the page cache, expected another file system.`,
    { next: "Read the file that is below it, or use the view that shows the same." },
  );
}

/** File systems whose files are made when they are read, or are another file system's. */
const WITHOUT_PAGES: ReadonlySet<string> = new Set([
  ...["overlay", "proc", "sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs"],
  ...["configfs", "bpf", "pstore", "efivarfs", "binfmt_misc", "fusectl", "selinuxfs", "mqueue"],
]);
