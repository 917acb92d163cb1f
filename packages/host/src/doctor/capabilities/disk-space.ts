import { dirname, resolve } from "node:path";
import { formatBytes, GiB, readFreeBytes } from "@casemate/core";
import { defineCapability } from "../capability.ts";

/** The lab's base image, three overlays and the caches, with room to run. */
const NEEDED_BYTES = 5 * GiB;

export const diskSpace = defineCapability({
  id: "disk-space",
  title: "Disk space",
  async probe({ dataDirectory }) {
    const free = await readFree(resolve(dataDirectory));
    const detail = `${formatBytes(free)} free for ${dataDirectory}`;
    if (free >= NEEDED_BYTES) return { state: "ok", detail };
    const needed = `${detail}, of which the lab needs ${formatBytes(NEEDED_BYTES)}`;
    return { state: "warning", detail: needed, fix: "casemate up --data DIR" };
  },
});

/** Bytes that this user may still write where `path` is or would be. */
async function readFree(path: string): Promise<number> {
  try {
    return await readFreeBytes(path);
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!missing || path === dirname(path)) throw error;
    return readFree(dirname(path));
  }
}
