import { execFileSync } from "node:child_process";
import { chown, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabImage } from "@casemate/lab";
import type { ControlPlane } from "./control-plane.fixture.ts";

/** Harmless, and in no other file. */
export const signature = "CASEMATE-TEST-SIGNATURE-7f3a";

/** A disk that others are layers above, with what somebody forgot there. */
export interface LeakyTemplate {
  readonly disk: string;
  /** The private key that lies on it. */
  readonly leaked: string;
}

/**
 * The lab's image with a key in it, and a file that rules know. Of its programs those are left out that are many
 * and never run here: each takes YARA-X some milliseconds.
 */
export async function makeLeakyTemplate(
  { scratch, pool, libvirt }: ControlPlane,
  { disk: original, kernel }: LabImage,
): Promise<LeakyTemplate> {
  const disk = join(pool, "golden.raw");
  const key = join(scratch, "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "deploy", "-f", key]);
  const sample = join(scratch, "sample");
  await writeFile(sample, `#!/bin/sh\necho ${signature}\n`);
  execFileSync("qemu-img", ["convert", "-O", "raw", original, disk]);
  const commands = join(scratch, "debugfs");
  const libraries = "/usr/lib/x86_64-linux-gnu";
  const idle = [`/usr/lib/modules/${kernel.release}/kernel`, `${libraries}/gconv`];
  const lines = [
    `write ${key} /root/deploy`,
    `write ${sample} /usr/local/sample`,
    ...[...idle, `${libraries}/perl-base`, "/usr/share/perl5"].map((path) => `unlink ${path}`),
  ];
  await writeFile(commands, `${lines.join("\n")}\n`);
  execFileSync("debugfs", ["-w", "-f", commands, disk], { stdio: "ignore" });
  await libvirt.defineDomain(`
    <domain type="qemu"><name>golden</name><memory unit="MiB">384</memory>
      <os><type arch="x86_64" machine="q35">hvm</type></os>
      <devices><disk type="file" device="disk"><driver name="qemu" type="raw"/>
        <source file="${disk}"/><target dev="vda" bus="virtio"/></disk></devices>
    </domain>`);
  const { uid, gid } = await stat(pool);
  await chown(disk, uid, gid);
  return { disk, leaked: await readFile(key, "utf8") };
}

/** Starts a guest of the lab with a layer of its own above the template; it boots when this resolves. */
export async function startGuest(
  { pool, daemon, libvirt }: ControlPlane,
  { kernel, initramfs }: LabImage,
  template: LeakyTemplate,
  { name, role }: { readonly name: string; readonly role: string },
): Promise<{ readonly uuid: string; readonly console: string }> {
  const disk = join(pool, `${name}.qcow2`);
  const layer = ["create", "-q", "-f", "qcow2", "-b", template.disk, "-F", "raw", disk];
  execFileSync("qemu-img", layer);
  const { uid, gid } = await stat(pool);
  await chown(disk, uid, gid);
  const socket = join(daemon.directory, `${name}.console`);
  const { uuid } = await libvirt.defineDomain(`
    <domain type="qemu"><name>${name}</name><memory unit="MiB">384</memory>
      <os><type arch="x86_64" machine="q35">hvm</type>
        <kernel>${kernel.vmlinuz}</kernel><initrd>${initramfs}</initrd>
        <cmdline>console=ttyS0 quiet cryptomgr.notests root=/dev/vda casemate.hostname=${name} casemate.role=${role}</cmdline>
      </os>
      <features><acpi/><apic/></features>
      <cpu mode="maximum"><feature name="cx16" policy="disable"/></cpu>
      <devices>
        <disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
          <source file="${disk}"/><target dev="vda" bus="virtio"/></disk>
        <serial type="null"><target port="0"/></serial>
        <serial type="unix"><source mode="bind" path="${socket}"/><target port="1"/></serial>
        <rng model="virtio"><backend model="random">/dev/urandom</backend></rng>
      </devices>
    </domain>`);
  await libvirt.start(uuid);
  return { uuid, console: socket };
}
