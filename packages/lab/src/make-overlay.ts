import { runCommand } from "./run-command.ts";

/** Makes a qcow2 that keeps what a guest changes of `base`; the base stays as it is. */
export async function makeOverlay(file: string, base: string, signal?: AbortSignal): Promise<void> {
  const args = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, file];
  await runCommand("qemu-img", args, {}, signal);
}
