import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { installHook, readHookStatus, removeHook } from "./libvirt-hook.ts";

const run = promisify(execFile);

test("installHook: a script that passes libvirt's words on, whatever is in the command's own", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-hook-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  assert.deepEqual(await readHookStatus(directory), { kind: "absent" });
  const words = ["/usr/bin/printf", "%s\n", "it's $HOME", "a b"];
  const path = await installHook({ directory, command: words });
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  const { stdout } = await run(path, ["web 1", "prepare", "begin", "-"]);
  assert.equal(stdout, "it's $HOME\na b\nweb 1\nprepare\nbegin\n-\n");
  assert.equal((await readHookStatus(directory)).kind, "installed");
  await installHook({ directory, command: ["/bin/true"] });
  await removeHook(directory);
  await removeHook(directory);
  assert.deepEqual(await readHookStatus(directory), { kind: "absent" });
});

test("installHook: somebody else's file stays as it is", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-hook-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await mkdir(join(directory, "qemu.d"));
  await writeFile(join(directory, "qemu.d/casemate"), "#!/bin/sh\n");
  await assert.rejects(installHook({ directory, command: ["/bin/true"] }), {
    code: "hook/foreign",
  });
  await assert.rejects(removeHook(directory), { code: "hook/foreign" });
});
