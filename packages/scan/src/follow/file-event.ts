import type { FileStat } from "@casemate/formats/disk";
import type { ByteRange } from "./range-set.ts";

/** What of a file's inode is told when it changes; what it is and its number make it another file. */
export const metadataFields = [
  "mode",
  "uid",
  "gid",
  "size",
  "links",
  "modifiedMs",
  "changedMs",
  "encrypted",
] as const satisfies readonly (keyof FileStat)[];

export type MetadataField = (typeof metadataFields)[number];

/** What each field was and is; those that changed. */
export type MetadataChanges = {
  readonly [Field in MetadataField]?: {
    readonly from: FileStat[Field];
    readonly to: FileStat[Field];
  };
};

/**
 * What happened to a file between two moments. HOSTILE: the guest chose every name and number.
 *
 * Files of more than one name have one `created`, `deleted` or `moved` for each name; `contents` and
 * `metadata` come once, with one of the names. What is below a directory that was moved is not told of.
 */
export type FileEvent =
  /** A name leads to the file that did not before: it is new, or it is a new link if `stat.links` is not 1. */
  | {
      readonly kind: "created";
      readonly path: string;
      readonly inode: number;
      readonly stat: FileStat;
    }
  /** The name of `path`, in the tree as it was, leads to it no more; `stat` is as it was. */
  | {
      readonly kind: "deleted";
      readonly path: string;
      readonly inode: number;
      readonly stat: FileStat;
    }
  /** Renamed, or moved to another directory: `from` is in the tree as it was, `path` as it is. */
  | {
      readonly kind: "moved";
      readonly path: string;
      readonly from: string;
      readonly inode: number;
    }
  /** These bytes were written, maybe with what was there; or are there no more. */
  | {
      readonly kind: "contents";
      readonly path: string;
      readonly inode: number;
      readonly ranges: readonly ByteRange[];
    }
  | {
      readonly kind: "metadata";
      readonly path: string;
      readonly inode: number;
      readonly changes: MetadataChanges;
    };
