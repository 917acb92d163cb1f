import assert from "node:assert/strict";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { MiB } from "@casemate/core";
import fc from "fast-check";
import { MappedMemory } from "./mapped-memory.ts";
import { MemoryExtract } from "./memory-extract.ts";
import { openMemoryImage } from "./open-memory-image.ts";

const PAGE = 4096;
const directory = mkdtempSync(join(tmpdir(), "casemate-extract-"));
after(() => rmSync(directory, { recursive: true }));
let files = 0;

/** RAM in a file as QEMU has it: two ranges with a hole between them. Pages that are never written are holes. */
function makeRam(pages: number) {
  files += 1;
  const name = `${directory}/${files}`;
  const ram = openSync(`${name}.ram`, "w+");
  const [low, high] = [16 * PAGE, MiB * 4];
  const middle = Math.ceil(pages / 2) * PAGE;
  const pieces = [
    { start: low, end: low + middle, file: 0, offset: 0 },
    { start: high, end: high + pages * PAGE - middle, file: 0, offset: middle },
  ].filter(({ start, end }) => end > start);
  writeSync(ram, Buffer.alloc(1), 0, 1, pages * PAGE - 1);
  const memory = new MappedMemory({ description: name, pieces, fds: [ram], live: true });
  return {
    ...{ name, memory },
    fill: (page: number, value: number) =>
      writeSync(ram, Buffer.alloc(PAGE, value), 0, PAGE, page * PAGE),
  };
}

/** What readers of dumps find in the extract, as the RAM's own bytes. */
async function readBack(path: string, bytes: Uint8Array): Promise<Buffer> {
  const alone = `${path}.lime`;
  const fd = openSync(alone, "w");
  writeSync(fd, bytes);
  closeSync(fd);
  await using memory = await openMemoryImage(alone);
  const pages: Uint8Array[] = [];
  for (const { start, end } of memory.ranges) {
    for (let at: number = start; at < end; at += PAGE) {
      const window = memory.window(at / PAGE) ?? assert.fail(`nothing at ${at}`);
      pages.push(new Uint8Array(window.buffer, window.byteOffset, PAGE));
    }
  }
  return Buffer.concat(pages);
}

const passOver = (extract: MemoryExtract) =>
  [...extract.pass()].reduce((sum, { changed }) => sum + changed, 0);

test("MemoryExtract: after each pass it is what the RAM is, whatever was written between", async () => {
  const writes = fc.array(fc.tuple(fc.nat(599), fc.nat(2)), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(writes, writes, fc.nat(5_000), async (first, second, at) => {
      const { name, memory, fill } = makeRam(600);
      await using _ = memory;
      const out = openSync(`${name}.tar`, "w+");
      writeSync(out, Buffer.alloc(at + MiB, 7)); // what is after `at` must not shine through
      const extract = new MemoryExtract(memory, { fd: out, at });
      for (const written of [first, second]) {
        for (const [page, value] of written) fill(page, value);
        const changed = passOver(extract);
        assert.ok(changed <= PAGE * (new Set(written.map(([page]) => page)).size + 1));
        const file = readFileSync(`${name}.tar`);
        assert.equal(file.length, at + extract.bytes);
        const seen = await readBack(name, file.subarray(at));
        assert.ok(seen.equals(readFileSync(`${name}.ram`)));
        assert.equal(seen.length, extract.ramBytes);
      }
      assert.equal(passOver(extract), 0);
      closeSync(out);
    }),
    { numRuns: 20 },
  );
});

test("MemoryExtract: of memory that is copied as it is read it is the same, as of an extract itself", async () => {
  const { name, memory, fill } = makeRam(700);
  await using _ = memory;
  for (let page = 0; page < 700; page += 3) fill(page, page % 255);
  const [first, second] = [`${name}.lime`, `${name}.again`];
  const out = openSync(first, "w+");
  passOver(new MemoryExtract(memory, { fd: out, at: 0 }));
  await using image = await openMemoryImage(first);
  const again = openSync(second, "w+");
  passOver(new MemoryExtract(image, { fd: again, at: 0 }));
  assert.ok(readFileSync(second).equals(readFileSync(first)));
  for (const fd of [out, again]) closeSync(fd);
});

test("MemoryExtract: RAM that nobody has written to takes no room in the file", async () => {
  const { name, memory, fill } = makeRam(4_096);
  await using _ = memory;
  fill(1_000, 1);
  const out = openSync(`${name}.tar`, "w+");
  passOver(new MemoryExtract(memory, { fd: out, at: 512 }));
  closeSync(out);
  const { size, blocks } = statSync(`${name}.tar`);
  assert.ok(size > 16 * MiB && blocks * 512 < MiB, `${size} bytes in ${blocks} blocks`);
});
