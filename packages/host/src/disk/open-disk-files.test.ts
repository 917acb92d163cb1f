import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MiB } from "@casemate/core";
import { openDiskFiles } from "./open-disk-files.ts";

test("openDiskFiles: a chain of encrypted qcow2 images, with its key alone", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "casemate-encrypted-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [raw, key, base, top] = ["disk.raw", "key", "base.qcow2", "top.qcow2"].map((name) =>
    join(directory, name),
  ) as [string, string, string, string]; // one for each name
  const bytes = randomBytes(3 * MiB);
  writeFileSync(raw, bytes);
  writeFileSync(key, "correct horse");
  const secret = ["--object", `secret,id=key,file=${key}`];
  const encrypt = "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10";
  const run = (...words: readonly string[]) => execFileSync("qemu-img", words, { stdio: "pipe" });
  run("convert", "-f", "raw", "-O", "qcow2", ...secret, "-o", encrypt, raw, base);
  const backing = JSON.stringify({
    driver: "qcow2",
    "encrypt.key-secret": "key",
    file: { driver: "file", filename: base },
  });
  run(
    "create",
    "-q",
    "-f",
    "qcow2",
    ...secret,
    "-F",
    "qcow2",
    "-b",
    `json:${backing}`,
    "-o",
    encrypt,
    top,
  );

  const passphrase = Buffer.from("correct horse");
  using opened = await openDiskFiles([top, base], { passphrase });
  const read = Buffer.alloc(bytes.length);
  opened.disk.read(0, read);
  assert.ok(read.equals(bytes));
  await assert.rejects(openDiskFiles([top, base]), { code: "disk/encrypted" });
  await assert.rejects(openDiskFiles([base], { passphrase: Buffer.from("wrong") }), {
    code: "disk/encrypted",
  });
});
