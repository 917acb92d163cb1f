import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chown,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { bytes, MiB } from "@casemate/core";
import { copyBytes, sha256File } from "./copy-bytes.ts";
import { describeImage } from "./describe-image.ts";
import { copyImage, createImage, createOverlay, resizeImage } from "./make-image.ts";
import { inheritedFile } from "./run-qemu-img.ts";
import { runQemuImgInto } from "./run-qemu-img-into.ts";
import { StorageGuard } from "./storage-guard.ts";

let root: string;
let guard: StorageGuard;

const path = (name: string): string => join(root, name);
const qemuImg = (...args: string[]): string => execFileSync("qemu-img", args, { encoding: "utf8" });
const qemuIo = (file: string, command: string): string =>
  execFileSync("qemu-io", ["-f", "qcow2", "-c", command, file], { encoding: "utf8" });

before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "casemate-images-")));
  guard = await StorageGuard.of([root], async () => []);
});

after(() => rm(root, { recursive: true, force: true }));

test("describeImage: says of a chain what qemu-img says", async () => {
  await createImage(guard, { path: path("base.qcow2"), format: "qcow2", capacity: bytes(8 * MiB) });
  qemuIo(path("base.qcow2"), "write -P 0x5a 1M 2M");
  qemuImg("snapshot", "-c", "one, two", path("base.qcow2"));
  await createOverlay(guard, {
    path: path("top.qcow2"),
    backing: path("base.qcow2"),
    backingFormat: "qcow2",
  });
  const top = await describeImage(guard, path("top.qcow2"), "qcow2");
  const info = JSON.parse(qemuImg("info", "--output=json", "--backing-chain", path("top.qcow2")));
  assert.deepEqual(
    [top, ...top.backing].map((layer) => [
      layer.path,
      layer.format,
      layer.virtualSize,
      layer.actualSize,
    ]),
    info.map((layer: Record<string, unknown>) => [
      layer["filename"],
      layer["format"],
      layer["virtual-size"],
      layer["actual-size"],
    ]),
  );
  const base = await describeImage(guard, path("base.qcow2"), undefined);
  assert.deepEqual([base.format, base.snapshots], ["qcow2", ["one, two"]]);
});

test("describeImage: knows other formats by their headers, and raw by its VM's word", async () => {
  for (const [format, options] of [
    ["vmdk", ["-o", "subformat=streamOptimized"]],
    ["vdi", []],
    ["vhdx", []],
    ["raw", []],
  ] as const) {
    const file = path(`of.${format}`);
    qemuImg("create", "-q", "-f", format, ...options, file, "8M");
    const image = await describeImage(guard, file, undefined);
    assert.deepEqual([image.format, image.virtualSize], [format, 8 * MiB]);
  }
  const { format, backing } = await describeImage(guard, path("top.qcow2"), "raw");
  assert.deepEqual([format, backing], ["raw", []]);
});

test("describeImage: no header leads out of the storage, nor round in it", async () => {
  const make = (name: string, ...below: string[]): string => {
    qemuImg("create", "-q", "-f", "qcow2", "-u", ...below, path(name), "1M");
    return path(name);
  };
  make("square.qcow2", "-b", path("round.qcow2"), "-F", "qcow2");
  for (const backing of [
    ["-b", "/etc/shadow", "-F", "raw"],
    ["-b", "../../../../../etc/shadow", "-F", "raw"],
    ["-b", "nbd:localhost:1", "-F", "raw"],
    ["-b", 'json:{"driver":"null-co"}', "-F", "raw"],
    ["-o", `data_file=${path("data")}`],
    ["-b", path("square.qcow2"), "-F", "qcow2"],
  ]) {
    const file = make("round.qcow2", ...backing);
    await assert.rejects(
      describeImage(guard, file, "qcow2"),
      { code: "image/refused" },
      backing[1],
    );
    const copy = { from: file, fromFormat: "qcow2", to: path("x"), toFormat: "raw" } as const;
    await assert.rejects(copyImage(guard, copy), { code: "image/refused" });
    await rm(path("data"), { force: true });
  }
  await writeFile(path("flat.vmdk"), '# Disk DescriptorFile\nRW 8 FLAT "/etc/shadow" 0\n');
  await assert.rejects(describeImage(guard, path("flat.vmdk"), "vmdk"), { code: "image/refused" });
  await assert.rejects(describeImage(guard, root.slice(0, -1), "raw"), { code: "storage/outside" });
});

test("describeImage: a damaged header is image/unreadable", async () => {
  const good = (await readFile(path("base.qcow2"))).subarray(0, 512);
  for (const [at, value] of [
    [0, 0],
    [4, 9],
    [16, 0xffffffff],
    [60, 0xffffffff],
    [100, 8],
  ] as const) {
    const bad = Buffer.from(good);
    bad.writeUInt32BE(value, at);
    if (at === 16) bad.writeUInt32BE(1024, 12);
    await writeFile(path("bad.qcow2"), bad);
    await assert.rejects(describeImage(guard, path("bad.qcow2"), "qcow2"), {
      code: "image/unreadable",
    });
  }
  await writeFile(path("bad.qcow2"), good.subarray(0, 40));
  await assert.rejects(describeImage(guard, path("bad.qcow2"), "qcow2"), {
    code: "image/unreadable",
  });
});

test("copyImage: a whole copy with its owner, equal for qemu-img; and of an internal snapshot", async () => {
  qemuIo(path("top.qcow2"), "write -P 0x11 0 64k");
  await chown(path("top.qcow2"), 65534, 65534);
  let last = 0;
  const to = path("copy.qcow2");
  await copyImage(
    guard,
    { from: path("top.qcow2"), fromFormat: "qcow2", to, toFormat: "qcow2" },
    ({ done }) => (last = done),
  );
  assert.equal(last, 8 * MiB);
  assert.match(qemuImg("compare", path("top.qcow2"), to), /identical/);
  assert.equal((await stat(to)).uid, 65534);
  assert.deepEqual((await describeImage(guard, to, "qcow2")).backing, []);

  qemuIo(path("base.qcow2"), "write -P 0x77 4M 1M");
  const of = { from: path("base.qcow2"), fromFormat: "qcow2", toFormat: "raw" } as const;
  await copyImage(guard, { ...of, to: path("then.raw"), snapshot: "one, two" });
  await using then = await open(path("then.raw"));
  const { buffer } = await then.read(Buffer.alloc(1), 0, 1, 4 * MiB);
  assert.equal(buffer[0], 0);
  await assert.rejects(copyImage(guard, { ...of, to }), { code: "storage/exists" });
});

test("copyImage, copyBytes: cancelled, they leave nothing", async () => {
  const from = path("large.raw");
  await using file = await open(from, "w");
  for (let at = 0; at < 64; at += 1) await file.write(Buffer.alloc(MiB, at + 1));
  const before = (await readdir(root)).sort();
  const requested = { from, fromFormat: "raw", to: path("half"), toFormat: "qcow2" } as const;
  const converting = new AbortController();
  await assert.rejects(
    copyImage(guard, requested, () => converting.abort(), converting.signal),
    {
      code: "cancelled",
    },
  );
  const copying = new AbortController();
  await assert.rejects(
    copyBytes(from, path("half"), () => copying.abort(), copying.signal),
    {
      code: "cancelled",
    },
  );
  assert.deepEqual((await readdir(root)).sort(), before);
});

test("runQemuImgInto: what was removed does not come back with what qemu-img writes", async () => {
  const args = ["create", "-q", "-f", "qcow2", inheritedFile, "1M"];
  const running = runQemuImgInto(path("late"), args, { doing: "make it" });
  while (!(await readdir(root)).includes("late")) await nextTurn();
  await rm(path("late"));
  await running;
  assert.ok(!(await readdir(root)).includes("late"));
});

test("copyBytes, sha256File: the same bytes, holes kept", async () => {
  await truncate(path("large.raw"), 128 * MiB);
  await copyBytes(path("large.raw"), path("same.raw"));
  const [sum = ""] = execFileSync("sha256sum", [path("same.raw")], { encoding: "utf8" }).split(" ");
  assert.equal(await sha256File(path("large.raw")), sum);
  const { blocks } = await stat(path("same.raw"));
  assert.ok(blocks * 512 <= 65 * MiB);
});

test("resizeImage: grows an image, and shrinks none", async () => {
  await resizeImage(guard, path("copy.qcow2"), "qcow2", bytes(16 * MiB));
  assert.equal((await describeImage(guard, path("copy.qcow2"), "qcow2")).virtualSize, 16 * MiB);
  await assert.rejects(resizeImage(guard, path("copy.qcow2"), "qcow2", bytes(MiB)), {
    code: "image/unreadable",
  });
});
