import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { type SystemGuest, startSystemGuest } from "@casemate/lab";
import { TestHost } from "../../test/test-host.fixture.ts";
import { freezeProcess } from "./freeze-process.ts";
import { killProcess } from "./kill-process.ts";
import { stopVm } from "./stop-vm.ts";
import { thawProcess } from "./thaw-process.ts";

const run = promisify(execFile);
const signal = AbortSignal.timeout(240_000);

let host: TestHost;
let guest: SystemGuest;

before(async () => {
  host = await TestHost.start();
  guest = await startSystemGuest(host, {}, signal);
});
after(() => host?.[Symbol.asyncDispose]());

const stateOf = async (pid: number) =>
  (await guest.run(`grep -s State: /proc/${pid}/status || echo gone`, signal)).trim();

test("killProcess: one process is frozen, goes on and ends, and the guest with all else goes on", async () => {
  const pid = Number(await guest.run("sleep 1000 >/dev/null 2>&1 & echo $!", signal));
  const call = { vm: "web01", parameters: { pid } };
  assert.match(await host.refusal(thawProcess, call), /does not stand still/);
  const plan = await host.carryOut(freezeProcess, call);
  assert.match(plan.steps[0] ?? "", new RegExp(`^Process ${pid} is sleep, of user 0, started `));
  assert.equal(await stateOf(pid), "State:\tT (stopped)");
  assert.match(await host.refusal(freezeProcess, call), /stands still already/);
  await host.carryOut(thawProcess, call);
  assert.equal(await stateOf(pid), "State:\tS (sleeping)");
  const kill = await host.carryOut(killProcess, call);
  assert.deepEqual(kill.irreversible, ["What the process had in its memory is lost."]);
  assert.equal(await stateOf(pid), "gone");
  assert.deepEqual(await host.settle(killProcess, kill), { outcome: "done" });
});

test("killProcess: what the guest ends with, and what minds no signal, is refused in words", async () => {
  const refuse = (pid: number) => host.refusal(killProcess, { vm: "web01", parameters: { pid } });
  assert.match(await refuse(1), /the guest's first process/);
  assert.match(await refuse(2), /a thread of the kernel/);
});

test("stopVm: a guest shuts itself down at its power button, and leaves its file system clean", async () => {
  const { disk, bootLog } = guest;
  await guest.run("echo written just before >/root/kept", signal);
  await host.carryOut(stopVm, { vm: "web01" });
  assert.equal((await host.agent.hypervisor.domains.find("web01")).state, "shutoff");
  assert.match(
    await readFile(bootLog, "utf8"),
    /Requesting system poweroff[\s\S]*reboot: Power down/,
  );
  const raw = `${disk}.raw`;
  await run("qemu-img", ["convert", "-O", "raw", disk, raw]);
  const { stdout } = await run("dumpe2fs", ["-h", raw]);
  assert.match(stdout, /^Filesystem state: +clean$/m);
  assert.doesNotMatch(stdout, /needs_recovery/);
  const kept = await run("debugfs", ["-R", "cat /root/kept", raw]);
  assert.equal(kept.stdout, "written just before\n");
});
