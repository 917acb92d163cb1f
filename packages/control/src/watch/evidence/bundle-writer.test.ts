import assert from "node:assert/strict";
import { writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MiB } from "@casemate/core";
import { BundleWriter } from "./bundle-writer.ts";
import { readBundle } from "./read-bundle.ts";

const never = new AbortController().signal;
let scratch: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-bundle-"));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** Puts `bytes` where it is told. */
const putting = (bytes: Uint8Array) => async (fd: number, at: number) => {
  writeSync(fd, bytes, 0, bytes.length, at);
  return { bytes: bytes.length };
};

test("BundleWriter.addWritten: what others put into the bundle is in it as if it had been added", async () => {
  const large = Buffer.alloc(2 * MiB + 700, "x");
  const files = [join(scratch, "added.tar"), join(scratch, "written.tar")] as const; // a pair
  const fractions: number[] = [];
  for (const [index, path] of files.entries()) {
    await using bundle = await BundleWriter.create(path);
    await bundle.add("a.json", Buffer.from("{}"));
    if (index === 0) await bundle.add("memory/ram.lime", large);
    else {
      const tell = (fraction: number) => void fractions.push(fraction);
      await bundle.addWritten("memory/ram.lime", putting(large), tell, never);
    }
    await bundle.add("z.json", Buffer.from("[]"));
    await bundle.end();
  }
  const [added, written] = await Promise.all(files.map((path) => readBundle(path)));
  assert.deepEqual(written, added);
  assert.equal(fractions.at(-1), 1);
});

test("BundleWriter.addWritten: what fails or is cancelled is nothing in the bundle", async () => {
  await using bundle = await BundleWriter.create(join(scratch, "failed.tar"));
  const fail = () => Promise.reject(new Error("no room"));
  await assert.rejects(
    bundle.addWritten("a", fail, () => {}, never),
    /no room/,
  );
  const stopped = bundle.addWritten("a", putting(Buffer.alloc(9)), () => {}, AbortSignal.abort());
  await assert.rejects(stopped, { name: "AbortError" });
  assert.deepEqual(bundle.digests, []);
});
