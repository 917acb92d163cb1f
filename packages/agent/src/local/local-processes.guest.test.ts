import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { milliseconds } from "@casemate/core";
import { findQemuProcess, LibvirtConnection, resumeAbandonedPauses } from "@casemate/host";
import { findTask } from "@casemate/inspect";
import { GuestEditor } from "@casemate/inspect/test/guest-editor";
import { listDel } from "@casemate/inspect/test/list-edits";
import { ensureImage, GuestConsole, labCacheDir, PrivateLibvirt } from "@casemate/lab";
import type { HostAgent } from "../host-agent.ts";
import { attachHost } from "../local-host.ts";
import type { ProcessSignal } from "../process-control.ts";

const budget = milliseconds(10_000);
const uuid = "5ca5e3a7-f011-4000-8000-000000000003";
const stack = new AsyncDisposableStack();
let journal: string;
let uri: string;
let libvirt: LibvirtConnection;
let host: HostAgent;
let guest: GuestConsole;
let editor: GuestEditor;

before(async () => {
  const scratch = await mkdtemp(join(tmpdir(), "casemate-processes-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  journal = join(scratch, "pauses");
  const image = await ensureImage({ cacheDir: labCacheDir });
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }),
  );
  ({ uri } = daemon);
  libvirt = stack.use(await LibvirtConnection.open(uri));
  const socket = join(daemon.directory, "web01.console");
  await libvirt.createDomain(
    `<domain type="qemu"><name>web01</name><uuid>${uuid}</uuid><memory unit="MiB">256</memory>
      <memoryBacking><source type="memfd"/><access mode="shared"/></memoryBacking>
      <vcpu>2</vcpu>
      <os><type arch="x86_64" machine="q35">hvm</type>
        <kernel>${image.kernel.vmlinuz}</kernel><initrd>${image.initramfs}</initrd>
        <cmdline>panic=-1 console=ttyS0 quiet cryptomgr.notests casemate.hostname=guest</cmdline></os>
      <features><acpi/><apic/></features>
      <cpu mode="maximum"><feature policy="disable" name="cx16"/></cpu>
      <devices>
        <serial type="null"><target type="isa-serial" port="0"/></serial>
        <serial type="unix"><source mode="bind" path="${socket}"/>
          <target type="isa-serial" port="1"/></serial>
      </devices></domain>`,
    [],
  );
  host = stack.use(await attachHost({ uri, pauses: journal }));
  guest = stack.use(await GuestConsole.open(socket));
  await guest.waitUntilReady();
  const monitor = {
    hmp: (line: string) => libvirt.hmp(uuid, line),
    qmp: (command: { readonly execute: string }) => libvirt.qmp(uuid, command),
  };
  const machine = { pid: findQemuProcess(uuid), monitor, console: guest };
  editor = stack.use(await GuestEditor.open(machine));
});
after(() => stack.disposeAsync());

/** A process of the guest that sleeps; what its parent heard of its end is in `/run/PID`. */
async function startSleeper(): Promise<number> {
  const said = await guest.output(
    "(sleep 1000 & echo $! >/run/sleeper; wait $!; echo $? >/run/$!.ended) >/dev/null 2>&1 & sleep 0.5; cat /run/sleeper",
  );
  return Number(said);
}

const ended = (pid: number) =>
  guest.output(
    `for i in $(seq 100); do cat /run/${pid}.ended 2>/dev/null && exit; sleep 0.1; done`,
  );

async function send(pid: number, what: ProcessSignal) {
  return await host.processes.send(uuid, await host.processes.find(uuid, { pid }), what);
}

async function waitForState(pid: number, wanted: string): Promise<void> {
  while ((await host.processes.find(uuid, { pid })).states.join("") !== wanted) await sleep(50);
}

/** Nothing is left of what stopped the guest, and it runs. */
async function verifyUntouched(): Promise<void> {
  assert.equal((await libvirt.findDomain(uuid)).state, "running");
  assert.doesNotMatch(await libvirt.hmp(uuid, "info chardev"), /^gdb:/m);
  assert.deepEqual(await readdir(journal), []);
  assert.equal((await guest.output("echo alive")).trim(), "alive");
  const complaints = "dmesg | grep -E 'BUG|WARNING|Oops|corruption|stall|segfault' || true";
  assert.equal((await guest.output(complaints)).trim(), "");
}

/** `list_del` of a member of a task: its neighbours know nothing of it, and it leads to poison. */
async function unlist(pid: number, ...members: readonly string[]): Promise<void> {
  await editor.edit(() => {
    const task = editor.look(({ kernel }) => findTask(kernel, pid));
    return members.flatMap((member) =>
      listDel(
        editor,
        editor.look(({ kernel }) => kernel.struct("task_struct").address(member)(task)),
      ),
    );
  });
}

test("ProcessControl: a process is frozen, goes on, and ends as if by a signal of its own kernel", async () => {
  const pid = await startSleeper();
  const found = await host.processes.find(uuid, { pid });
  assert.deepEqual(
    [found.name, found.uid, found.hiddenFrom, found.brokenLinks, found.obstacle],
    ["sleep", 0, [], 0, null],
  );
  const { stops, stoppedMicroseconds } = await send(pid, "freeze");
  assert.ok(stops >= 2 && stoppedMicroseconds > 0);
  await waitForState(pid, "T");
  await send(pid, "thaw");
  await waitForState(pid, "S");
  await send(pid, "kill");
  assert.equal((await ended(pid)).trim(), "137");
  await assert.rejects(host.processes.find(uuid, { pid }), { code: "inspect/not-found" });
  await verifyUntouched();
});

test("ProcessControl.send: a hidden process is put on the kernel's lists again, and ends", async () => {
  const pid = await startSleeper();
  await unlist(pid, "tasks", "cg_list");
  assert.doesNotMatch(
    JSON.stringify(
      (await host.inspect(uuid, { view: "processes", budget })).items.map((row) => row["pid"]),
    ),
    new RegExp(`\\b${pid}\\b`),
  );
  const found = await host.processes.find(uuid, { pid });
  assert.deepEqual(
    [found.hiddenFrom, found.brokenLinks],
    [["the list of tasks", "the lists of control groups"], 2],
  );
  await send(pid, "kill");
  assert.equal((await ended(pid)).trim(), "137");
  await verifyUntouched();
});

test("ProcessControl.send: another process than the one that was meant is left alone", async () => {
  const pid = await startSleeper();
  const found = await host.processes.find(uuid, { pid });
  const later = { ...found, started: (Number(found.started) + 1).toFixed(2) };
  await assert.rejects(host.processes.send(uuid, later, "kill"), { code: "inspect/not-found" });
  const elsewhere = { ...found, task: "0xffff888000000000" };
  await assert.rejects(host.processes.send(uuid, elsewhere, "kill"), { code: "guest/changed" });
  await host.processes.find(uuid, { pid, started: found.started });
  await verifyUntouched();
});

interface Holder {
  readonly pid: number;
  readonly guard: number;
  readonly said: Promise<string>;
}

/** A process in the middle of a call before `name`, for which the guest's kernel never gives it a moment. */
async function startHolder(name = "irq_exit_rcu"): Promise<Holder> {
  const at = editor.look(({ kernel }) => kernel.symbol(name));
  const program = fileURLToPath(new URL("./kernel-call-holder.fixture.ts", import.meta.url));
  const args = [program, uri, uuid, `${at}`, journal];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const said = once(child, "exit").then(() => text);
  while (!/^gdb:/m.test(await libvirt.hmp(uuid, "info chardev"))) await sleep(20);
  const { pid = 0 } = child;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  return { pid, guard: Number(children[0]), said };
}

async function waitUntilEnded(): Promise<void> {
  while ((await readdir(journal)).length > 0) await sleep(20);
}

test("callKernel: kill -9 wherever it is: the guard has the guest run on", async () => {
  for (const after of [0, 3, 40]) {
    const { pid, said } = await startHolder();
    await sleep(after);
    process.kill(pid, "SIGKILL");
    await said;
    await waitUntilEnded();
    await verifyUntouched();
  }
});

test("callKernel: after kill -9 of both, the guest runs on by the journal", async () => {
  const { pid, guard, said } = await startHolder();
  process.kill(pid, "SIGSTOP");
  process.kill(guard, "SIGKILL");
  process.kill(pid, "SIGKILL");
  await said;
  await resumeAbandonedPauses(journal);
  await verifyUntouched();
});

test("callKernel: a VM that somebody pauses meanwhile stays paused", async () => {
  const { said } = await startHolder("panic");
  await sleep(200);
  await libvirt.suspend(uuid);
  assert.equal(await said, "guest/stopped");
  assert.equal((await libvirt.findDomain(uuid)).state, "paused");
  await libvirt.resume(uuid);
  await verifyUntouched();
});
