import { open } from "node:fs/promises";
import { type QemuImgOptions, runQemuImg } from "./run-qemu-img.ts";

/**
 * Runs qemu-img, whose `args` name what it writes as `inheritedFile`: that is `file`, which is made here.
 *
 * One that is not yet confined when this process is killed outlives it. What it writes then has no name any
 * more, as soon as whoever comes next has removed the file.
 *
 * Throws as `runQemuImg`, and the file system's errors.
 */
export async function runQemuImgInto(
  file: string,
  args: readonly string[],
  options: Omit<QemuImgOptions, "inherited">,
  signal?: AbortSignal,
): Promise<void> {
  await using into = await open(file, "wx", 0o600);
  await runQemuImg(args, { ...options, inherited: into.fd }, signal);
}
