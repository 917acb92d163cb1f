/** One mapping of a process: host addresses `[start, end)`. */
export interface ProcessMapping {
  readonly start: number;
  readonly end: number;
  readonly shared: boolean;
  /** Byte of the file at `start`. */
  readonly offset: number;
  /** 0 for memory without a file. */
  readonly inode: number;
  /** What the line names; never trusted, only shown. */
  readonly name: string;
}

const LINE =
  /^([0-9a-f]+)-([0-9a-f]+) [r-][w-][x-]([sp]) ([0-9a-f]+) [0-9a-f]+:[0-9a-f]+ (\d+) *(.*)$/;

/**
 * The mappings of `/proc/PID/maps` (proc_pid_maps(5)), sorted as the kernel prints them.
 *
 * Lines of addresses that no program can have, such as `vsyscall`, are left out.
 */
export function parseProcessMap(text: string): readonly ProcessMapping[] {
  const mappings: ProcessMapping[] = [];
  for (const line of text.split("\n")) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, start = "", end = "", sharing, offset = "", inode = "", name = ""] = match;
    const mapping = {
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      shared: sharing === "s",
      offset: Number.parseInt(offset, 16),
      inode: Number(inode),
      name,
    };
    if (Number.isSafeInteger(mapping.end)) mappings.push(mapping);
  }
  return mappings;
}
