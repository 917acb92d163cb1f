import type { FileType } from "@casemate/formats/disk";

/** What of a file is not the same in two states. */
export type FileAspect = "type" | "contents" | "target" | "mode" | "owner" | "group";

/** A file as one of the states has it. */
export interface FileState {
  readonly type: FileType;
  /** As `chmod` takes it: `0755`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** In bytes. */
  readonly size: number;
  /** ISO 8601. */
  readonly modified?: string;
  /** Where a symbolic link leads. */
  readonly target?: string;
}

/** What became of a file from one state of a system to another. */
export type FileChange =
  | { readonly change: "added"; readonly path: string; readonly after: FileState }
  | { readonly change: "removed"; readonly path: string; readonly before: FileState }
  | {
      readonly change: "changed";
      readonly path: string;
      readonly differs: readonly FileAspect[];
      readonly before: FileState;
      readonly after: FileState;
    }
  | {
      readonly change: "renamed";
      readonly path: string;
      /** Its path before. */
      readonly from: string;
      /** What says so: it is the same inode, or the contents are the same. */
      readonly by: "inode" | "contents";
      readonly before: FileState;
      readonly after: FileState;
    };
