import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { CasemateError, GiB } from "@casemate/core";
import fc from "fast-check";
import { readTar } from "./read-tar.ts";
import { formatTarHeader, TAR_BLOCK_BYTES } from "./tar-header.ts";

const run = promisify(execFile);
const malformed = { code: "package/malformed" };
let scratch: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-tar-"));
});

after(async () => await rm(scratch, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;

function buildTar(files: Files): Buffer {
  const parts = Object.entries(files).flatMap(([name, text]) => {
    const data = Buffer.from(text);
    const padding = (TAR_BLOCK_BYTES - (data.length % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
    return [formatTarHeader(name, data.length), data, Buffer.alloc(padding)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * TAR_BLOCK_BYTES)]);
}

function entriesOf(archive: Uint8Array) {
  return readTar(
    async (offset, length) => archive.subarray(offset, offset + length),
    archive.length,
  );
}

async function filesOf(archive: Uint8Array): Promise<Files> {
  const read = (await entriesOf(archive)).map(({ name, offset, size }) => [
    name,
    Buffer.from(archive.subarray(offset, offset + size)).toString(),
  ]);
  return Object.fromEntries(read);
}

/** A header with some bytes otherwise and its checksum right again. */
function changed(header: Uint8Array, at: number, text: string): Buffer {
  const block = Buffer.from(header);
  block.write(text, at, "latin1");
  block.write("        ", 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

const files: Files = { "vm.ovf": "<a/>", "vm-disk1.vmdk": "x".repeat(1_000), "vm.mf": "" };

test("formatTarHeader: tar lists and extracts what it heads, also past 8 GiB", async () => {
  const file = join(scratch, "ours.tar");
  await writeFile(file, buildTar(files));
  const { stdout } = await run("tar", ["-tf", file]);
  assert.deepEqual(stdout.trim().split("\n"), Object.keys(files));
  const { stdout: disk } = await run("tar", ["-xOf", file, "vm-disk1.vmdk"]);
  assert.equal(disk, files["vm-disk1.vmdk"]);
  const big = join(scratch, "big.tar");
  {
    await using handle = await open(big, "w");
    await handle.write(formatTarHeader("big", 9 * GiB));
    await handle.truncate(9 * GiB + 3 * TAR_BLOCK_BYTES);
    assert.match((await run("tar", ["-tvf", big])).stdout, / 9663676416 .*big$/m);
  }
  await using handle = await open(big);
  const read = async (at: number, length: number) =>
    (await handle.read(Buffer.alloc(length), 0, length, at)).buffer;
  const { size } = await handle.stat();
  assert.deepEqual(await readTar(read, size), [
    { name: "big", offset: TAR_BLOCK_BYTES, size: 9 * GiB },
  ]);
  await rm(big);
});

test("readTar: reads what tar writes in each of its formats", async () => {
  const long = `${"n".repeat(120)}.vmdk`;
  const written = { ...files, "vm.mf": "m", größe: "utf-8" };
  for (const [name, text] of Object.entries({ ...written, [long]: "long" })) {
    await writeFile(join(scratch, name), text);
  }
  const archive = join(scratch, "theirs.tar");
  for (const format of ["ustar", "gnu", "pax", "oldgnu"]) {
    const expected = format === "ustar" ? written : { ...written, [long]: "long" };
    const names = Object.keys(expected);
    await run("tar", ["-C", scratch, `--format=${format}`, "-cf", archive, "--", ...names]);
    assert.deepEqual(await filesOf(await readFile(archive)), expected, format);
    const dotted = names.map((name) => `./${name}`);
    await run("tar", ["-C", scratch, `--format=${format}`, "-cf", archive, "--", ...dotted]);
    assert.deepEqual(await filesOf(await readFile(archive)), expected, format);
  }
});

test("readTar: what it heads is read as the same", async () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,98}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(name, fc.string({ maxLength: 2_000 }), { noNullPrototype: true }),
      async (some) => assert.deepEqual(await filesOf(buildTar(some)), some),
    ),
    { numRuns: 50 },
  );
});

test("readTar: paths, links, doubles, lies about sizes and wrong checksums are package/malformed", async () => {
  const header = formatTarHeader("a", 0);
  const end = Buffer.alloc(2 * TAR_BLOCK_BYTES);
  const archives: Readonly<Record<string, Uint8Array>> = {
    absolute: buildTar({ "/etc/passwd": "" }),
    above: buildTar({ "../a": "" }),
    below: buildTar({ "a/b": "" }),
    dot: buildTar({ "..": "" }),
    double: Buffer.concat([header, header, end]),
    link: Buffer.concat([changed(header, 156, "2"), end]),
    device: Buffer.concat([changed(header, 156, "3"), end]),
    sparse: Buffer.concat([changed(header, 156, "S"), end]),
    prefix: Buffer.concat([changed(header, 345, "/etc"), end]),
    "bigger than the archive": Buffer.concat([formatTarHeader("a", 10_000), end]),
    "bigger than all": Buffer.concat([changed(header, 124, "\x80\xff\xff\xff\xff\xff\xff"), end]),
    negative: Buffer.concat([changed(header, 124, "\xff"), end]),
    "no number": Buffer.concat([changed(header, 124, "99999999999"), end]),
    "another magic": Buffer.concat([changed(header, 257, "zip"), end]),
    "a wrong checksum": Buffer.concat([Buffer.from(header).fill("b", 0, 1), end]),
    "no end": header,
    "without end": Buffer.concat(
      Array.from({ length: 1_100 }, (_, index) => formatTarHeader(`${index}`, 0)),
    ),
    "an endless long name": Buffer.concat([
      changed(formatTarHeader("a", 70_000), 156, "L"),
      Buffer.alloc(80_000),
    ]),
    "a broken extension": Buffer.concat([
      changed(formatTarHeader("a", 512), 156, "x"),
      Buffer.alloc(512, "99999 a=b"),
      header,
      end,
    ]),
    "a lying extension": Buffer.concat([
      changed(formatTarHeader("a", 17), 156, "x"),
      Buffer.from("17 size=99999999\n".padEnd(512, "\0")),
      header,
      end,
    ]),
  };
  for (const [what, archive] of Object.entries(archives)) {
    await assert.rejects(entriesOf(archive), malformed, what);
  }
});

test("readTar: any bytes give files inside the archive or an error of the catalogue", async () => {
  const whole = buildTar(files);
  const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.boolean()), {
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(edits, fc.nat(whole.length), async (changes, length) => {
      let archive = Buffer.from(whole);
      for (const [at, value, mend] of changes) {
        archive[at] = value;
        const block = at - (at % TAR_BLOCK_BYTES);
        // Otherwise the checksum guards all else.
        if (mend)
          changed(archive.subarray(block, block + TAR_BLOCK_BYTES), 0, "").copy(archive, block);
      }
      if (length % 3 === 0) archive = archive.subarray(0, length);
      try {
        for (const { name, offset, size } of await entriesOf(archive)) {
          assert.ok(offset + size <= archive.length && !name.includes("/"));
        }
      } catch (thrown) {
        if (!(thrown instanceof CasemateError)) throw thrown;
        assert.equal(thrown.code, "package/malformed");
      }
    }),
    { numRuns: 500 },
  );
});
