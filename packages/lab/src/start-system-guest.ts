import { chown, copyFile, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LibvirtConnection } from "@casemate/host";
import { GuestConsole } from "./guest-console.ts";
import { ensureImage } from "./image/ensure-image.ts";
import { labCacheDir } from "./lab-cache-dir.ts";
import { makeOverlay } from "./make-overlay.ts";

/** A VM that runs the lab's system from a disk of its own, as servers do. */
export interface SystemGuest {
  readonly uuid: string;
  /** A qcow2 in the host's pool, above the lab's own image. */
  readonly disk: string;
  /** The file that takes what its kernel says. */
  readonly bootLog: string;
  /** The output of a command in it. */
  run(command: string, signal?: AbortSignal): Promise<string>;
}

/** Defines and starts `web01` from files that libvirt may give to QEMU's user; it has booted when this resolves. */
export async function startSystemGuest(
  host: {
    readonly libvirt: LibvirtConnection;
    /** The directory of a storage pool, QEMU's own; a directory `guest` is made beside it. */
    readonly pool: string;
  },
  { devices = "" }: { readonly devices?: string },
  signal?: AbortSignal,
): Promise<SystemGuest> {
  const image = await ensureImage({ cacheDir: labCacheDir }, signal);
  const directory = join(host.pool, "../guest");
  await mkdir(directory);
  const at = (name: string) => join(directory, name);
  const [disk, bootLog, socket] = [join(host.pool, "web01.qcow2"), at("boot.log"), at("console")];
  await copyFile(image.kernel.vmlinuz, at("vmlinuz"));
  await copyFile(image.initramfs, at("initramfs"));
  await makeOverlay(disk, image.disk, signal);
  await writeFile(bootLog, "");
  const { uid, gid } = await stat(host.pool);
  for (const file of [directory, bootLog]) await chown(file, uid, gid);
  const { uuid } = await host.libvirt.defineDomain(`
    <domain type="qemu">
      <name>web01</name>
      <memory unit="MiB">256</memory>
      <memoryBacking><source type="memfd"/><access mode="shared"/></memoryBacking>
      <os>
        <type arch="x86_64" machine="q35">hvm</type>
        <kernel>${at("vmlinuz")}</kernel>
        <initrd>${at("initramfs")}</initrd>
        <cmdline>console=ttyS0 quiet cryptomgr.notests root=/dev/vda casemate.role=web</cmdline>
      </os>
      <features><acpi/></features>
      <cpu mode="maximum"><feature policy="disable" name="cx16"/></cpu>
      <devices>
        <disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
          <source file="${disk}"/><target dev="vda" bus="virtio"/></disk>
        ${devices}
        <serial type="file"><source path="${bootLog}"/><target port="0"/></serial>
        <serial type="unix"><source mode="bind" path="${socket}"/><target port="1"/></serial>
      </devices>
    </domain>`);
  await host.libvirt.start(uuid);
  const output = async (command: string, stop?: AbortSignal) => {
    await using shell = await GuestConsole.open(socket, stop);
    return await shell.output(command, stop);
  };
  await using shell = await GuestConsole.open(socket, signal);
  await shell.waitUntilReady(signal);
  await shell.output("until [ -e /run/lab-ready ]; do sleep 0.2; done", signal);
  return { uuid, disk, bootLog, run: output };
}
