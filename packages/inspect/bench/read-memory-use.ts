import { readFileSync } from "node:fs";

/** Resident memory of this process, in bytes: all of it, and what no file backs. */
export interface MemoryUse {
  readonly resident: number;
  readonly anonymous: number;
}

/** Reads /proc/self/smaps after a collection; mappings of files that are guests' RAM are not counted. */
export function readMemoryUse(isGuest: (file: string) => boolean): MemoryUse {
  globalThis.gc?.();
  let resident = 0;
  let anonymous = 0;
  let isSkipped = false;
  for (const line of readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isSkipped = isGuest(line);
    const [, field, kilobytes] = /^(Rss|Anonymous): +(\d+) kB$/.exec(line) ?? [];
    if (isSkipped || field === undefined) continue;
    if (field === "Rss") resident += Number(kilobytes) * 1024;
    else anonymous += Number(kilobytes) * 1024;
  }
  return { resident, anonymous };
}
