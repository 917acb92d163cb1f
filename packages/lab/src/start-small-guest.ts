import { join } from "node:path";
import type { LibvirtConnection } from "@casemate/host";
import { GuestConsole } from "./guest-console.ts";
import { ensureImage } from "./image/ensure-image.ts";
import { labCacheDir } from "./lab-cache-dir.ts";
import type { PrivateLibvirt } from "./private-libvirt.ts";

/** A VM whose system is the lab's initramfs alone: it boots in seconds, and has no disk of its own. */
export interface SmallGuest extends AsyncDisposable {
  readonly uuid: string;
  /** A shell in it. */
  readonly console: GuestConsole;
}

/** Starts one in `daemon`, which `libvirt` is connected to; it has booted when this resolves. */
export async function startSmallGuest(
  daemon: PrivateLibvirt,
  libvirt: LibvirtConnection,
  { name, devices = "" }: { readonly name: string; readonly devices?: string },
): Promise<SmallGuest> {
  const { kernel, initramfs } = await ensureImage({ cacheDir: labCacheDir });
  const socket = join(daemon.directory, `${name}.console`);
  const { uuid } = await libvirt.createDomain(
    `<domain type="qemu">
      <name>${name}</name>
      <memory unit="MiB">256</memory>
      <memoryBacking><source type="memfd"/><access mode="shared"/></memoryBacking>
      <os><type arch="x86_64" machine="q35">hvm</type>
        <kernel>${kernel.vmlinuz}</kernel><initrd>${initramfs}</initrd>
        <cmdline>panic=-1 console=ttyS0 quiet cryptomgr.notests casemate.hostname=guest</cmdline></os>
      <features><acpi/><apic/></features>
      <cpu mode="maximum"><feature policy="disable" name="cx16"/></cpu>
      <devices>
        <controller type="usb" model="none"/>
        ${devices}
        <serial type="null"><target type="isa-serial" port="0"/></serial>
        <serial type="unix"><source mode="bind" path="${socket}"/>
          <target type="isa-serial" port="1"/></serial>
        <rng model="virtio"><backend model="random">/dev/urandom</backend></rng>
      </devices></domain>`,
    [],
  );
  const console = await GuestConsole.open(socket);
  await console.waitUntilReady();
  return { uuid, console, [Symbol.asyncDispose]: () => console[Symbol.asyncDispose]() };
}
