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
import { gva, MiB, milliseconds } from "@casemate/core";
import { parseKernelImage } from "@casemate/formats/kernel-image";
import { findQemuProcess, LibvirtConnection, openVmMemory } from "@casemate/host";
import { openDiskFiles } from "@casemate/host/open-disk-files";
import { openMemoryImage } from "@casemate/host/open-memory-image";
import {
  attach,
  DATA_CLASSES,
  findTask,
  ProfileCache,
  processes,
  usualAllowances,
} from "@casemate/inspect";
import { usualDetectors } from "@casemate/inspect/detectors";
import { GuestEditor } from "@casemate/inspect/test/guest-editor";
import { ensureImage, type LabImage, labCacheDir, PrivateLibvirt } from "@casemate/lab";
import type { HostAgent } from "./host-agent.ts";
import { attachWithDisks } from "./inspector/attach-with-disks.ts";
import { DiskFiles } from "./inspector/disk-files.ts";
import { forgetForRoom } from "./inspector/forget-for-room.ts";
import { Guest } from "./inspector/guest.ts";
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

/** Booted as soon as its initramfs has started the last of what it starts. */
async function waitUntilBooted(host: HostAgent): Promise<void> {
  while (!(await readNames(host).catch((): unknown[] => [])).includes("httpd")) await sleep(250);
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

test("forgetForRoom: of a guest all is said again that was said before its things were forgotten", async () => {
  {
    await using host = await attachHost({ uri });
    await waitUntilBooted(host);
  }
  await libvirt.suspend(uuid); // nothing of it changes by itself
  const monitor = {
    hmp: (line: string) => libvirt.hmp(uuid, line),
    qmp: (command: { readonly execute: string }) => libvirt.qmp(uuid, command),
  };
  const source = { pid: findQemuProcess(uuid), description: "web01", monitor };
  await using editor = await GuestEditor.open({ ...source, console: { output: async () => "" } });
  await using guest = await Guest.open(await openVmMemory(source));
  using opened = await openDiskFiles([overlay, image.disk]);
  const sweep = async () => {
    const files = new CountedFiles([opened.disk]);
    const request = { classes: DATA_CLASSES, budget, allowances: usualAllowances, withDisks: true };
    const { verdicts } = await guest.sweep(usualDetectors, request, { files });
    return {
      code: files.code,
      said: verdicts.map(({ detector, verdict, suspicions, missed, coverage }) => ({
        ...{ detector, verdict, suspicions, missed, coverage },
      })),
    };
  };

  const undo = makeNobody(editor);
  const first = await sweep();
  assert.ok(first.code.length > 1, "the kernel and its modules are read from the disk");
  for (const each of undo) each[Symbol.dispose](); // It has become root, and ran no other program.
  const kept = await sweep();
  assert.deepEqual(kept.code, []);
  forgetForRoom([guest], 512 * MiB);
  const forgotten = await sweep();
  assert.deepEqual(forgotten.code, first.code);
  assert.deepEqual(forgotten.said, kept.said);
  assert.deepEqual(
    forgotten.said
      .filter(({ verdict }) => verdict !== "clean")
      .map(({ detector, suspicions }) => [detector, suspicions[0]?.key.replace(/^.+: /, "")]),
    [["forged-credentials", "rise"]],
  );
  await libvirt.resume(uuid);
});

/** Tells of what the code was read. */
class CountedFiles extends DiskFiles {
  readonly code: string[] = [];

  override kernel(release: string, buildId: string): Uint8Array | undefined {
    this.code.push(release);
    return super.kernel(release, buildId);
  }

  override module(release: string, name: string): Uint8Array | undefined {
    this.code.push(name);
    return super.module(release, name);
  }
}

/** Has the guest's first process be nobody, without rights; undone, it is again who it was. */
function makeNobody(editor: GuestEditor): readonly Disposable[] {
  return editor.look(({ kernel }) => {
    const cred = editor.u64(kernel.struct("task_struct").address("real_cred")(findTask(kernel, 1)));
    const at = (member: string) => gva(cred + BigInt(kernel.struct("cred").offset(member)));
    // `uid` to `fsgid` are one after another.
    const nobody = new Uint8Array(Uint32Array.from({ length: 8 }, () => 65_534).buffer);
    return [editor.write(at("uid"), nobody), editor.write(at("cap_permitted"), new Uint8Array(8))];
  });
}

test("HostAgent.inspect: a guest whose types were erased is read with those of the kernel on its disk", async () => {
  {
    await using first = await attachHost({ uri });
    await waitUntilBooted(first);
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
