import { statfs } from "node:fs/promises";
import { type Bytes, bytes } from "./units.ts";

/** The room that this user may still write to on the file system of `path`, as statfs(2) says. Throws its errors. */
export async function readFreeBytes(path: string): Promise<Bytes> {
  const { bavail, bsize } = await statfs(path);
  return bytes(bavail * bsize);
}
