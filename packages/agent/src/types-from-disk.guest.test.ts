import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MiB, milliseconds } from "@casemate/core";
import { parseKernelImage } from "@casemate/formats/kernel-image";
import { findQemuProcess, LibvirtConnection } from "@casemate/host";
import { openDiskFiles } from "@casemate/host/open-disk-files";
import { openMemoryImage } from "@casemate/host/open-memory-image";
import { attach, ProfileCache, processes } from "@casemate/inspect";
import { ensureImage, type LabImage, labCacheDir, PrivateLibvirt } from "@casemate/lab";
import type { HostAgent } from "./host-agent.ts";
import { attachWithDisks } from "./inspector/attach-with-disks.ts";
import { attachHost } from "./local-host.ts";

const budget = milliseconds(10_000);
const stack = new AsyncDisposableStack();
const scratch = mkdtempSync(join(tmpdir(), "casemate-types-"));
const overlay = join(scratch, "web01.qcow2");
const memory = join(scratch, "memory.raw");
let image: LabImage;
let libvirt: LibvirtConnection;
let uri: string;
let uuid: string;

before(async () => {
  image = await ensureImage({ cacheDir: labCacheDir });
  chmodSync(scratch, 0o711);
  execFileSync("qemu-img", [
    "create",
    "-q",
    "-f",
    "qcow2",
    "-F",
    "qcow2",
    "-b",
    image.disk,
    overlay,
  ]);
  chmodSync(overlay, 0o666);
  ({ uri } = stack.use(await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir })));
  libvirt = stack.use(await LibvirtConnection.open(uri));
  ({ uuid } = await libvirt.createDomain(`
    <domain type="qemu">
      <name>web01</name>
      <memory unit="MiB">256</memory>
      <memoryBacking><source type="memfd"/><access mode="shared"/></memoryBacking>
      <os>
        <type arch="x86_64" machine="q35">hvm</type>
        <kernel>${image.kernel.vmlinuz}</kernel>
        <initrd>${image.initramfs}</initrd>
        <cmdline>quiet cryptomgr.notests</cmdline>
      </os>
      <features><acpi/><apic/></features>
      <cpu mode="maximum"/>
      <devices>
        <disk type="file" device="disk">
          <driver name="qemu" type="qcow2"/>
          <source file="${overlay}"/>
          <target dev="vda" bus="virtio"/>
        </disk>
        <controller type="usb" model="none"/>
      </devices>
    </domain>`));
});

after(async () => {
  await stack.disposeAsync();
  rmSync(scratch, { recursive: true, force: true });
});

async function readNames(host: HostAgent): Promise<readonly unknown[]> {
  return (await host.inspect(uuid, { view: "processes", budget })).items.map(({ name }) => name);
}

async function readTypes(host: HostAgent): Promise<unknown> {
  return (await host.inspect(uuid, { view: "kernel", budget })).items[0]?.["types"];
}

/** The guest's RAM as the file that QEMU shares, to be written to. */
function openRam(): number {
  const directory = `/proc/${findQemuProcess(uuid)}/fd`;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (!readlinkSync(path).startsWith("/memfd:")) continue;
    const fd = openSync(path, "r+");
    if (fstatSync(fd).size === 256 * MiB) return fd;
    closeSync(fd);
  }
  throw new Error("QEMU shares no RAM.");
}

test("HostAgent.inspect: a guest whose types were erased is read with those of the kernel on its disk", async () => {
  {
    await using first = await attachHost({ uri });
    // Booted as soon as its initramfs has started the last of what it starts.
    while (!(await readNames(first).catch((): unknown[] => [])).includes("httpd")) await sleep(250);
    assert.equal(await readTypes(first), "own");
  }
  const { btf } = parseKernelImage(readFileSync(image.kernel.vmlinuz));
  const ram = openRam();
  const bytes = Buffer.alloc(256 * MiB);
  readSync(ram, bytes, 0, bytes.length, 0);
  const at = bytes.indexOf(btf.bytes.subarray(0, 4096));
  assert.ok(
    bytes.subarray(at, at + btf.bytes.length).equals(btf.bytes),
    "RAM holds what the disk does",
  );
  writeSync(ram, Buffer.alloc(btf.bytes.length), 0, btf.bytes.length, at);
  closeSync(ram);

  // Another host: its inspector has not seen the build.
  await using host = await attachHost({ uri });
  assert.equal(await readTypes(host), "disk");
  assert.ok((await readNames(host)).includes("httpd"));
  writeFileSync(memory, bytes.fill(0, at, at + btf.bytes.length));
});

test("attachWithDisks: a dump whose types were erased is read with the disk of its guest, and with no other", async () => {
  await using ram = await openMemoryImage(memory);
  assert.throws(() => attach(ram), { code: "kernel/no-btf" });
  using opened = await openDiskFiles([overlay, image.disk]);
  const kernel = attachWithDisks(ram, [opened.disk], { profiles: new ProfileCache() });
  assert.equal(kernel.facts.types, "disk");
  assert.equal(kernel.facts.release, image.kernel.release);
  const { items } = kernel.grant("kernelMetadata").read(processes);
  assert.ok(items.some(({ name }) => name === "httpd"));

  const empty = { size: MiB, read: (_offset: number, target: Uint8Array) => void target.fill(0) };
  assert.throws(() => attachWithDisks(ram, [empty], { profiles: new ProfileCache() }), {
    code: "kernel/no-btf",
    message: /Nor by its disks: .*no known magic number/,
  });
});
