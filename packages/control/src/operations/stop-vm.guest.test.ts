import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chown, copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { ensureImage, GuestConsole, labCacheDir } from "@casemate/lab";
import { TestHost } from "../../test/test-host.fixture.ts";
import { stopVm } from "./stop-vm.ts";

const run = promisify(execFile);
const signal = AbortSignal.timeout(240_000);

let host: TestHost;
/** What the guest needs, where libvirt may give it to QEMU's user. */
let disk: string;
let bootLog: string;
let consoleSocket: string;

before(async () => {
  host = await TestHost.start();
  const image = await ensureImage({ cacheDir: labCacheDir }, signal);
  const directory = join(host.pool, "../guest");
  await mkdir(directory);
  const at = (name: string) => join(directory, name);
  [disk, bootLog, consoleSocket] = [at("disk.qcow2"), at("boot.log"), at("console")];
  await copyFile(image.kernel.vmlinuz, at("vmlinuz"));
  await copyFile(image.initramfs, at("initramfs"));
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image.disk, disk]);
  await writeFile(bootLog, "");
  const { uid, gid } = await stat(host.pool);
  for (const file of [directory, bootLog]) await chown(file, uid, gid);
  const { uuid } = await host.libvirt.defineDomain(`
    <domain type="qemu">
      <name>web01</name>
      <memory unit="MiB">256</memory>
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
        <serial type="file"><source path="${bootLog}"/><target port="0"/></serial>
        <serial type="unix"><source mode="bind" path="${consoleSocket}"/><target port="1"/></serial>
      </devices>
    </domain>`);
  await host.libvirt.start(uuid);
});
after(() => host?.[Symbol.asyncDispose]());

test("stopVm: a guest shuts itself down at its power button, and leaves its file system clean", async () => {
  {
    await using shell = await GuestConsole.open(consoleSocket, signal);
    await shell.waitUntilReady(signal);
    await shell.output("until [ -e /run/lab-ready ]; do sleep 0.2; done", signal);
    await shell.output("echo written just before >/root/kept", signal);
  }
  await host.carryOut(stopVm, { vm: "web01" });
  assert.equal((await host.agent.hypervisor.domains.find("web01")).state, "shutoff");
  assert.match(
    await readFile(bootLog, "utf8"),
    /Requesting system poweroff[\s\S]*reboot: Power down/,
  );
  const raw = `${disk}.raw`;
  await run("qemu-img", ["convert", "-O", "raw", disk, raw]);
  const { stdout } = await run("dumpe2fs", ["-h", raw]);
  assert.match(stdout, /^Filesystem state: +clean$/m);
  assert.doesNotMatch(stdout, /needs_recovery/);
  const kept = await run("debugfs", ["-R", "cat /root/kept", raw]);
  assert.equal(kept.stdout, "written just before\n");
});
