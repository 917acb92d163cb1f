import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { makeScratch, openFile, readAll, run } from "../../disk.fixture.ts";
import { Qcow2Image } from "./qcow2-image.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

/** A disk with what images tell apart: zeros, runs, noise that no compressor shortens, an odd end. */
const contents = Buffer.alloc(6 * MIB + 512 * 3);
for (let at = MIB; at < 2 * MIB; at += 4)
  contents.writeUInt32LE(Math.imul(at, 0x9e37_79b1) >>> 0, at);
contents.fill("casemate ", 2 * MIB + 1000, 3 * MIB - 1);
contents.fill("x", 5 * MIB - 100, contents.length);
const raw = scratch.path("disk.raw");
writeFileSync(raw, contents);

const shapes: readonly (readonly [
  name: string,
  options: readonly string[],
  compressed?: boolean,
])[] = [
  ["version 2", ["compat=0.10"]],
  ["version 2, zlib", ["compat=0.10"], true],
  ["version 3", []],
  ["clusters of 512 bytes", ["cluster_size=512"]],
  ["clusters of 2 MiB", ["cluster_size=2M"]],
  ["zlib", [], true],
  ["zlib, clusters of 4 KiB", ["cluster_size=4k"], true],
  ["zstd", ["compression_type=zstd"], true],
  ["zstd, clusters of 2 MiB", ["compression_type=zstd,cluster_size=2M"], true],
  ["extended L2", ["extended_l2=on,cluster_size=128k"]],
  ["extended L2, zstd", ["extended_l2=on,compression_type=zstd"], true],
  ["preallocated metadata", ["preallocation=metadata"]],
];

for (const [name, options, compressed = false] of shapes) {
  test(`Qcow2Image: ${name}, byte for byte what qemu-img put in`, () => {
    const image = scratch.path("shape.qcow2");
    const flags = options.flatMap((option) => ["-o", option]);
    const packing = compressed ? ["-c"] : [];
    run("qemu-img", "convert", ...packing, "-f", "raw", "-O", "qcow2", ...flags, raw, image);
    using file = openFile(image);
    const disk = new Qcow2Image(file);
    assert.equal(disk.size, contents.length);
    assert.ok(readAll(disk).equals(contents), "in large pieces");
    assert.ok(readAll(disk, 3333).equals(contents), "in pieces that fit no boundary");
    // Of preallocated clusters qemu-img also tells the holes that the host's file system has there.
    if (!name.startsWith("preallocated")) assert.deepEqual(mapOf(disk), qemuMap(image));
  });
}

/** The runs that are in the image itself, as `qemu-img map` tells them. */
function mapOf(disk: Qcow2Image) {
  return join(
    [...disk.walkRuns()].map((run) => ({
      start: run.start,
      length: run.length,
      zero: run.kind === "zeros" || run.kind === "unallocated",
      depth: run.kind === "unallocated" && disk.header.backingFile !== undefined ? 1 : 0,
      offset: run.kind === "data" ? run.offset : undefined,
    })),
  );
}

function qemuMap(image: string) {
  const told = run("qemu-img", "map", "--output=json", image);
  const runs: (Piece & { readonly data: boolean })[] = JSON.parse(told);
  return join(
    runs.map(({ start, length, zero, depth, offset }) => ({ start, length, zero, depth, offset })),
  );
}

interface Piece {
  readonly start: number;
  readonly length: number;
  readonly zero: boolean;
  readonly depth: number;
  readonly offset: number | undefined;
}

/** Pieces that go on as the one before them are one with it, wherever somebody cut them. */
function join(pieces: readonly Piece[]): readonly Piece[] {
  const joined: Piece[] = [];
  for (const { start, length, zero, depth, offset } of pieces) {
    // Zeros are zeros, whether or not room is kept for them.
    const piece = {
      start,
      length,
      zero,
      depth: zero ? 0 : depth,
      offset: zero ? undefined : offset,
    };
    const last = joined.at(-1);
    const goesOn =
      last?.zero === piece.zero &&
      last.depth === piece.depth &&
      (piece.offset === undefined
        ? last.offset === undefined
        : last.offset !== undefined && last.offset + last.length === piece.offset);
    if (last !== undefined && goesOn) {
      joined[joined.length - 1] = { ...last, length: last.length + length };
    } else joined.push(piece);
  }
  return joined;
}

test("Qcow2Image: an overlay above an overlay above a shorter raw disk", () => {
  const base = scratch.path("base.raw");
  writeFileSync(base, contents.subarray(0, 3 * MIB));
  const middle = scratch.path("middle.qcow2");
  const top = scratch.path("top.qcow2");
  const on = (below: string, format: string) => [
    "create",
    "-f",
    "qcow2",
    "-b",
    below,
    "-F",
    format,
  ];
  run("qemu-img", ...on(base, "raw"), middle, "6M");
  run("qemu-img", ...on(middle, "qcow2"), "-o", "extended_l2=on", top);
  run("qemu-io", "-c", "write -P 0xaa 1000k 70k", "-c", "write -z 2M 130k", middle);
  run("qemu-io", "-c", "write -P 0xbb 1030k 3k", "-c", "discard 5M 64k", top);
  const flat = scratch.path("flat.raw");
  run("qemu-img", "convert", "-O", "raw", top, flat);

  using baseFile = openFile(base);
  using middleFile = openFile(middle);
  using topFile = openFile(top);
  const disk = new Qcow2Image(topFile, {
    backing: new Qcow2Image(middleFile, { backing: baseFile }),
  });
  assert.ok(readAll(disk, 100_000).equals(readFileSync(flat)));
  assert.deepEqual(disk.header.backingFile, { path: middle, format: "qcow2" });
  assert.throws(() => new Qcow2Image(topFile), {
    code: "disk/incomplete",
    message: /middle\.qcow2/,
  });
});

test("Qcow2Image: internal snapshots, each as the disk was then", () => {
  const image = scratch.path("snapshots.qcow2");
  run("qemu-img", "create", "-f", "qcow2", image, "4M");
  run("qemu-io", "-c", "write -P 1 0 1M", image);
  run("qemu-img", "snapshot", "-c", "first", image);
  run("qemu-io", "-c", "write -P 2 512k 1M", image);
  run("qemu-img", "snapshot", "-c", "größer", image);
  run("qemu-img", "resize", "-q", image, "8M");
  run("qemu-io", "-c", "write -P 3 7M 64k", image);
  using file = openFile(image);
  const now = new Qcow2Image(file);
  const told = now
    .snapshots()
    .map(({ id, name, size, vmStateSize }) => ({ id, name, size, vmStateSize }));
  assert.deepEqual(told, [
    { id: "1", name: "first", size: 4 * MIB, vmStateSize: 0 },
    { id: "2", name: "größer", size: 4 * MIB, vmStateSize: 0 },
  ]);
  for (const { id, name } of told) {
    const flat = scratch.path("then.raw");
    run("qemu-img", "convert", "-l", `snapshot.name=${name}`, "-O", "raw", image, flat);
    const then = new Qcow2Image(file, { snapshot: name });
    assert.ok(readAll(then).equals(readFileSync(flat).subarray(0, then.size)), name);
    assert.equal(new Qcow2Image(file, { snapshot: id }).snapshot?.name, name);
  }
  assert.equal(now.size, 8 * MIB);
  assert.equal(readAll(now)[7 * MIB], 3);
  assert.throws(() => new Qcow2Image(file, { snapshot: "none" }), { code: "disk/not-found" });
});

test("Qcow2Image: an external data file is named, and read when it is given", () => {
  const image = scratch.path("external.qcow2");
  const data = scratch.path("external.data");
  const options = ["-o", `data_file=${data},data_file_raw=on`];
  run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", ...options, raw, image);
  using file = openFile(image);
  using dataFile = openFile(data);
  assert.ok(readAll(new Qcow2Image(file, { dataFile })).equals(contents));
  assert.throws(() => new Qcow2Image(file), { code: "disk/incomplete", message: /external\.data/ });
});

test("Qcow2Image: clusters encrypted with LUKS, in snapshots and above others; without the key they are said to be", () => {
  const key = scratch.path("key");
  writeFileSync(key, "a passphrase");
  const secret = ["--object", `secret,id=key,file=${key}`] as const;
  const options = "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10";
  const base = scratch.path("luks-base.qcow2");
  const image = scratch.path("luks.qcow2");
  const opened = (file: string) =>
    ["--image-opts", `driver=qcow2,file.filename=${file},encrypt.key-secret=key`] as const;
  run("qemu-img", "create", ...secret, "-f", "qcow2", "-o", options, base, "8M");
  run("qemu-io", ...secret, "-c", "write -P 1 100k 1M", "-c", "write -z 2M 64k", ...opened(base));
  run("qemu-img", "snapshot", ...secret, "-c", "before", ...opened(base));
  run("qemu-io", ...secret, "-c", "write -P 2 600k 10k", ...opened(base));
  run(
    "qemu-img",
    "convert",
    ...secret,
    "-f",
    "raw",
    "-n",
    raw,
    "--target-image-opts",
    opened(base)[1],
  );
  const above = ["-b", base, "-F", "qcow2"];
  run("qemu-img", "create", ...secret, "-f", "qcow2", "-u", ...above, "-o", options, image, "8M");
  using baseFile = openFile(base);
  using file = openFile(image);
  const passphrase = { passphrase: "a passphrase" };
  const below = new Qcow2Image(baseFile, { key: passphrase });
  assert.ok(readAll(below).subarray(0, contents.length).equals(contents));
  assert.ok(
    readAll(new Qcow2Image(file, { backing: below, key: passphrase })).equals(readAll(below)),
  );
  const before = readAll(new Qcow2Image(baseFile, { key: passphrase, snapshot: "before" }));
  assert.equal(before.indexOf(1), 100 * 1024);
  assert.equal(before.lastIndexOf(1), 1124 * 1024 - 1);
  assert.throws(() => new Qcow2Image(baseFile), { code: "disk/encrypted", message: /luks/ });
  assert.throws(() => new Qcow2Image(baseFile, { key: { passphrase: "wrong" } }), {
    code: "disk/encrypted",
  });
});
