import { runCommand } from "./run-command.ts";

/** The user that QEMU runs as: the one that Debian's libvirt packages make, root where there is none. */
export interface QemuUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export async function readQemuUser(signal?: AbortSignal): Promise<QemuUser> {
  const name = "libvirt-qemu";
  const passwd = await runCommand("getent", ["passwd", "root"], {}, signal);
  const entry = await runCommand("getent", ["passwd", name], {}, signal).catch(() => passwd);
  const [user = "root", , uid, gid] = entry.trim().split(":");
  return { name: user, uid: Number(uid), gid: Number(gid) };
}
