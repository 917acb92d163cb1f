import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { findQemuProcess } from "./find-qemu-process.ts";
import { startTestQemu } from "./qemu.fixture.ts";

function killAfter(context: TestContext, child: ChildProcess): void {
  context.after(async () => {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGKILL")) await ended;
  });
}

test("findQemuProcess: the emulator with the UUID, whatever its case, and none without", async () => {
  const uuid = randomUUID();
  {
    await using qemu = await startTestQemu(["-m", "16M", "-uuid", uuid]);
    await using _other = await startTestQemu(["-m", "16M", "-uuid", randomUUID()]);
    assert.equal(findQemuProcess(uuid.toUpperCase()), qemu.pid);
  }
  assert.throws(() => findQemuProcess(uuid), { code: "vm/not-running" });
});

test("findQemuProcess: finds it in other PID and mount namespaces", async (context) => {
  const uuid = randomUUID();
  const qemu = ["qemu-system-x86_64", "-accel", "tcg", "-m", "16M", "-nodefaults", "-S"];
  const apart = ["--pid", "--mount-proc", "--fork", "--kill-child", ...qemu, "-display", "none"];
  const child = spawn("unshare", [...apart, "-uuid", uuid, "-qmp", "stdio"]);
  killAfter(context, child);
  await once(child.stdout, "data");
  const pid = findQemuProcess(uuid);
  assert.notEqual(pid, child.pid);
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^NSpid:\t\d+\t1$/m);
});

test("findQemuProcess: a process that only calls itself QEMU is not taken for one", async (context) => {
  const uuid = randomUUID();
  const directory = mkdtempSync(join(tmpdir(), "casemate-find-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const copy = join(directory, "qemu-system-x86_64");
  copyFileSync("/bin/bash", copy);
  const start = async (file: string) => {
    const script = "echo ready; read -r line";
    const child = spawn(file, ["-c", script, "x", "-uuid", uuid], { argv0: "qemu-system-x86_64" });
    killAfter(context, child);
    await once(child.stdout, "data");
  };
  chmodSync(copy, 0o757);
  await start(copy);
  await start("/bin/bash");
  assert.throws(() => findQemuProcess(uuid), { code: "vm/not-running" });
});
