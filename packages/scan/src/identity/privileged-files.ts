import type { Visitor } from "../visitor.ts";

/** A program that runs with the rights of its owner or group, whoever starts it. */
export interface PrivilegedFile {
  readonly path: string;
  /** As `chmod` takes it: `4755`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly setuid: boolean;
  readonly setgid: boolean;
  /** In bytes. */
  readonly size: number;
  /** ISO 8601. */
  readonly modified?: string;
}

const SET_USER_ID = 0o4000;
const SET_GROUP_ID = 0o2000;

/** Set-user-ID and set-group-ID files. */
export const privilegedFiles: Visitor<PrivilegedFile> = {
  id: "privilegedFiles/mode",
  wants(_path, { type, mode }) {
    return type === "file" && (isSetuid(mode) || isSetgid(mode)) ? "stat" : "nothing";
  },
  *visit({ path, stat }) {
    const { mode, uid, gid, size, modifiedMs } = stat;
    const modified = new Date(modifiedMs);
    yield {
      ...{ path, mode: mode.toString(8).padStart(4, "0"), uid, gid },
      ...{ setuid: isSetuid(mode), setgid: isSetgid(mode), size },
      ...(Number.isNaN(modified.getTime()) ? {} : { modified: modified.toISOString() }),
    };
  },
};

const isSetuid = (mode: number): boolean => (mode & SET_USER_ID) !== 0;
const isSetgid = (mode: number): boolean => (mode & SET_GROUP_ID) !== 0;
