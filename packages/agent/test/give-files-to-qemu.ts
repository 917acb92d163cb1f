import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LibvirtConnection } from "@casemate/host";
import type { PrivateLibvirt } from "@casemate/lab";

/** Has libvirt give a VM's files to QEMU's user, as it does unless told otherwise. */
export async function giveFilesToQemu(daemon: PrivateLibvirt): Promise<void> {
  const file = join(daemon.directory, "etc/qemu.conf");
  const settings = await readFile(file, "utf8");
  await writeFile(file, settings.replace("dynamic_ownership = 0", "dynamic_ownership = 1"));
  // It is started again with what it reads then.
  const pid = await daemon.daemonPid();
  if (pid !== undefined) process.kill(pid, "SIGTERM");
  while ((await daemon.daemonPid()) === pid) await sleep(20);
  while (!(await answers(daemon.uri))) await sleep(50);
}

async function answers(uri: string): Promise<boolean> {
  try {
    await using _connection = await LibvirtConnection.open(uri);
    return true;
  } catch {
    return false;
  }
}
