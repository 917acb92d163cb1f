import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { milliseconds } from "@casemate/core";
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
  // Where a failure would end a VM that runs, nothing is asked.
  assert.equal((await run(path, ["web 1", "reconnect", "begin", "-"])).stdout, "");
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

test("installHook: a program that fails or takes too long is no permission, unless that was chosen", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-hook-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const ending = async (program: string, otherwise: "deny" | "permit") => {
    const command = ["/bin/sh", "-c", program];
    const patience = milliseconds(500);
    const path = await installHook({ directory, command, otherwise, patience });
    return await run(path, ["50%s", "prepare", "begin", "-"]).then(
      () => [0, ""],
      ({ code, stderr }) => [code, stderr],
    );
  };
  const late = "Casemate does not let 50%s run: it did not answer within 0.5 s.\n";
  assert.deepEqual(await ending("exit 1", "deny"), [1, ""]);
  assert.deepEqual(await ending("exit 4", "deny"), [4, ""]);
  assert.deepEqual(await ending("sleep 9", "deny"), [124, late]);
  assert.deepEqual(await ending("exit 1", "permit"), [0, ""]);
  assert.deepEqual(await ending("exit 4", "permit"), [4, ""]);
  assert.deepEqual(await ending("sleep 9", "permit"), [0, ""]);
});
