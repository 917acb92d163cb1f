import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { verifyVmdk } from "./vmdk-header.ts";

const run = promisify(execFile);
let scratch: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-vmdk-"));
});

after(async () => await rm(scratch, { recursive: true, force: true }));

async function make(name: string, subformat: string): Promise<string> {
  const file = join(scratch, name);
  await run("qemu-img", ["create", "-q", "-f", "vmdk", "-o", `subformat=${subformat}`, file, "1M"]);
  return file;
}

async function verify(file: string): Promise<void> {
  await using handle = await open(file);
  await verifyVmdk(handle, file);
}

test("verifyVmdk: whole ones pass, those of several files do not", async () => {
  await verify(await make("sparse", "monolithicSparse"));
  await verify(await make("stream", "streamOptimized"));
  for (const subformat of ["monolithicFlat", "twoGbMaxExtentSparse"]) {
    await assert.rejects(verify(await make(subformat, subformat)), { code: "image/refused" });
  }
});

test("verifyVmdk: a parent is found where QEMU looks for it, whatever the header says", async () => {
  const file = await make("child", "monolithicSparse");
  const parent = await make("parent", "monolithicSparse");
  const data = await readFile(file);
  const text = data.toString("latin1", 512, 512 + 10_240).replace(/\0+$/, "");
  const hint = `parentFileNameHint="${parent}"\ncreateType`;
  data.fill(0, 512, 512 + 10_240);
  data.write(
    text.replace("createType", hint).replace(/(?<=parentCID=)f+/, "00000001"),
    512,
    "latin1",
  );
  data.writeBigUInt64LE(100n, 28); // descriptorOffset, in sectors
  await writeFile(file, data);
  const { stdout } = await run("qemu-img", ["info", "-f", "vmdk", file]);
  assert.match(stdout, /^backing file: /m);
  await assert.rejects(verify(file), { code: "image/refused", message: /rests on a parent/ });
});
