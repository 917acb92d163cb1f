import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CasemateError } from "@casemate/core";
import { type BlockReader, openFileSystem } from "@casemate/formats/disk";
import { foreignFormats, guessForeignFormat } from "./foreign-format.ts";
import { openDiskFiles } from "./open-disk-files.ts";
import { openForeignDisk } from "./open-foreign-disk.ts";

const MIB = 1024 * 1024;
const scratch = mkdtempSync(join(tmpdir(), "casemate-foreign-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const at = (name: string) => join(scratch, name);
const run = (file: string, ...args: readonly string[]) =>
  execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

const raw = at("raw");
run("/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", import.meta.dirname, raw, "24M");
const bytes = readFileSync(raw);

function convert(format: string, options: readonly string[] = [], name = format): string {
  const image = at(name);
  run("qemu-img", "convert", "-f", "raw", "-O", format, ...options, raw, image);
  chmodSync(image, 0o600); // whoever reads it gets it from us, or not at all
  return image;
}

const images: readonly (readonly [format: string, options: readonly string[]])[] = [
  ["vmdk", []],
  ["vmdk", ["-o", "subformat=streamOptimized"]],
  ["vdi", []],
  ["vdi", ["-o", "static=on"]],
  ["vhdx", []],
  ["vpc", ["-o", "force_size=on"]],
  ["vpc", ["-o", "subformat=fixed,force_size=on"]],
  ["qed", []],
  ["qcow", []],
  ["parallels", []],
];

for (const [format, options] of images) {
  test(`openDiskFiles: ${format} ${options.join(" ")}, byte for byte`, async () => {
    using opened = await openDiskFiles([convert(format, options)]);
    const { disk } = opened;
    assert.equal(disk.size, bytes.length);
    const seen = Buffer.alloc(disk.size);
    for (let at = 0; at < disk.size; at += 3 * MIB) disk.read(at, seen.subarray(at, at + 3 * MIB));
    assert.ok(seen.equals(bytes));
    const odd = Buffer.alloc(70_001);
    disk.read(12_345, odd);
    assert.ok(odd.equals(bytes.subarray(12_345, 12_345 + odd.length)));
    assert.throws(() => disk.read(disk.size - 1, Buffer.alloc(2)), { code: "disk/truncated" });
    const here = openFileSystem(disk).readFile("/open-disk.ts", MIB);
    assert.deepEqual(here, readFileSync(join(import.meta.dirname, "open-disk.ts")));
  });
}

test("openDiskFiles: a layer of qcow2 above a disk of another format", async () => {
  const base = convert("vmdk", [], "base.vmdk");
  const top = at("top.qcow2");
  run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "vmdk", "-b", base, top);
  run("qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 64k", top);
  using opened = await openDiskFiles([top, base]);
  const seen = Buffer.alloc(2 * MIB);
  opened.disk.read(0, seen);
  const expected = Buffer.from(bytes.subarray(0, seen.length)).fill(7, MIB, MIB + 65_536);
  assert.ok(seen.equals(expected));
});

test("openForeignDisk: the process has no rights, no network, no file, and ends with the disk", async () => {
  const before = new Set(children());
  const image = convert("vdi");
  const opened = await openDiskFiles([image]);
  const [pid = 0, ...others] = children().filter((each) => !before.has(each));
  assert.deepEqual(others, []);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  assert.match(status, /^Name:\tqemu-storage-da/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, /^CapEff:\t0+$/m);
  if (process.getuid?.() === 0) {
    assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^Groups:\t *$/m);
    const network = (of: number | "self") => readlinkSync(`/proc/${of}/ns/net`);
    assert.notEqual(network(pid), network("self"));
    const names = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    assert.deepEqual(
      names.filter((name) => name.startsWith("/") && name !== "/dev/null"),
      [],
    );
  }
  opened[Symbol.dispose]();
  while (/^State:\t[^ZX]/m.test(stateOf(pid))) run("sleep", "0.01");
});

test("openForeignDisk: the process ends with the one that reads, however that ends", () => {
  const image = convert("vdi");
  const script = `
    import { openDiskFiles } from ${JSON.stringify(join(import.meta.dirname, "open-disk-files.ts"))};
    import { readFileSync, writeSync } from "node:fs";
    globalThis.opened = await openDiskFiles([${JSON.stringify(image)}]);
    writeSync(1, readFileSync(\`/proc/self/task/\${process.pid}/children\`));
    process.kill(process.pid, "SIGKILL");`;
  const args = ["--input-type=module-typescript", "--eval", script];
  const { stdout, signal } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(signal, "SIGKILL");
  const pid = Number(stdout);
  assert.ok(pid > 1);
  while (/^State:\t[^ZX]/m.test(stateOf(pid))) run("sleep", "0.01");
});

const children = (): readonly number[] =>
  readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").map(Number);

function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

test("openDiskFiles: images whose bytes are partly in other files are refused", async () => {
  const flat = convert("vmdk", ["-o", "subformat=monolithicFlat"], "flat.vmdk");
  const base = convert("vmdk", [], "parent.vmdk");
  const layer = at("layer.vmdk");
  run("qemu-img", "create", "-q", "-f", "vmdk", "-F", "vmdk", "-b", base, layer);
  const qed = at("layer.qed");
  run("qemu-img", "create", "-q", "-f", "qed", "-F", "raw", "-b", raw, qed);
  // To QEMU, a header without a size is that of a description, which names a file of the host's.
  const described = at("described.vmdk");
  const description = readFileSync(convert("vmdk", [], "sound.vmdk"));
  description.writeBigUInt64LE(0n, 12);
  description.write('RW 1 FLAT "/etc/shadow" 0\n', 512);
  writeFileSync(described, description);
  for (const image of [flat, layer, qed, described]) {
    await assert.rejects(openDiskFiles([image]), { code: "disk/incomplete" }, image);
  }
  assert.ok(readdirSync(scratch).includes("raw"));
});

test("openDiskFiles: what QEMU refuses is damaged, in its words", async () => {
  const image = convert("vhdx", [], "cut.vhdx");
  truncateSync(image, 100_000);
  await assert.rejects(openDiskFiles([image]), {
    code: "disk/damaged",
    message: /qemu-storage-daemon says/,
  });
});

test("openForeignDisk: a file that cannot be read is an error of the disk", () => {
  const image = readFileSync(convert("vdi", [], "broken.vdi"));
  let limit = Number.POSITIVE_INFINITY;
  const file: BlockReader = {
    size: image.length,
    read(offset, target) {
      if (offset + target.length > limit) throw new CasemateError("disk/unreadable", "Gone.");
      target.set(image.subarray(offset, offset + target.length));
    },
  };
  using opened = openForeignDisk(file, "vdi");
  limit = 0;
  assert.throws(() => opened.disk.read(0, Buffer.alloc(MIB)), { code: "disk/damaged" });
  limit = Number.POSITIVE_INFINITY;
  const seen = Buffer.alloc(MIB);
  opened.disk.read(0, seen);
  assert.ok(seen.equals(bytes.subarray(0, MIB)));
});

test("guessForeignFormat: none where nothing is, each where its magic is", () => {
  for (const length of [0, 3, 511, 512, 4096]) {
    const file: BlockReader = { size: length, read: (_, target) => void target.fill(0) };
    assert.equal(guessForeignFormat(file), undefined);
  }
  assert.equal(new Set(foreignFormats).size, foreignFormats.length);
});
