import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { milliseconds } from "@casemate/core";
import { PrivateLibvirtd } from "../../test/private-libvirtd.ts";
import { LibvirtConnection } from "../libvirt/libvirt-connection.ts";
import { pauseVm } from "./pause-vm.ts";
import { resumeAbandonedPauses } from "./resume-abandoned-pauses.ts";

/** A VM with nothing in it: its firmware looks for something to boot for ever. */
const domainXml = (uuid = "") => `
  <domain type="qemu">
    <name>web01</name>
    ${uuid}
    <memory unit="MiB">32</memory>
    <os><type arch="x86_64" machine="pc">hvm</type></os>
  </domain>`;

/** Longer than any test: what ends such a pause is not its limit. */
const long = milliseconds(5_000);

let libvirtd: PrivateLibvirtd;
let scratch: string;
let journal: string;
let connection: LibvirtConnection;
let uuid: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-pause-"));
  journal = join(scratch, "data", "pauses");
  libvirtd = await PrivateLibvirtd.start();
});

after(async () => {
  await libvirtd[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

beforeEach(async () => {
  connection = await LibvirtConnection.open(libvirtd.uri);
  ({ uuid } = await connection.createDomain(domainXml()));
});

afterEach(async () => {
  await using last = connection;
  await last.destroy(uuid).catch(() => {}); // some tests end it themselves
});

const pause = (limit = long) => pauseVm({ connection, uuid, limit, journal });

/** What libvirt says the VM does, and whether QEMU says that it runs. */
async function readState(): Promise<readonly [libvirt: string, isRunning: boolean]> {
  const { state } = await connection.findDomain(uuid);
  const status = await connection.qmp(uuid, { execute: "query-status" });
  assert.ok(typeof status === "object" && status !== null && "running" in status);
  return [state, status.running === true];
}

const running = ["running", true] as const;
const paused = ["paused", false] as const;

async function waitUntilRunning(): Promise<void> {
  while ((await readState())[0] !== "running") await sleep(20);
  assert.deepEqual(await readState(), running);
}

async function waitUntilEmpty(): Promise<void> {
  while ((await readdir(journal)).length > 0) await sleep(20);
}

interface Holder {
  readonly pid: number;
  readonly watchdog: number;
  readonly ended: Promise<unknown>;
}

/** Another process that pauses the VM; killed when the test ends, if it has not been. */
async function startHolder(limit = long): Promise<Holder> {
  const program = fileURLToPath(new URL("./pause-holder.fixture.ts", import.meta.url));
  const args = [program, libvirtd.uri, uuid, String(limit), journal];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true, // a process group of its own, as a shell would give it
  });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  const { pid = 0 } = child;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  const watchdog = children.find((each) =>
    readFileSync(`/proc/${each}/cmdline`, "utf8").includes("watchdog/main.ts"),
  );
  assert.ok(watchdog !== undefined);
  return { pid, watchdog: Number(watchdog), ended };
}

/** As a power cut would: neither of the two gets to do anything after the other has ended. */
async function killBoth({ pid, watchdog, ended }: Holder): Promise<void> {
  process.kill(pid, "SIGSTOP");
  process.kill(watchdog, "SIGKILL");
  process.kill(pid, "SIGKILL");
  await ended;
  while (existsSync(`/proc/${watchdog}`)) await sleep(20);
}

test("pauseVm: the VM stands still until it is resumed, and then runs on", async () => {
  const held = await pause();
  assert.deepEqual(await readState(), paused);
  assert.equal((await readdir(journal)).length, 1);
  const { outcome, microseconds } = await held.resume();
  assert.equal(outcome, "frozen");
  assert.ok(microseconds > 0);
  assert.deepEqual(await readState(), running);
  assert.deepEqual(await readdir(journal), []);
  assert.deepEqual(await held.resume(), { outcome, microseconds });
  await held[Symbol.asyncDispose]();
  assert.deepEqual(await readState(), running);
});

test("pauseVm: leaving the block resumes, also by an error", async () => {
  const look = async () => {
    await using _held = await pause();
    assert.deepEqual(await readState(), paused);
    throw new RangeError("the reader failed");
  };
  await assert.rejects(look, RangeError);
  assert.deepEqual(await readState(), running);
});

test("pauseVm: at the limit the VM is resumed whatever the reader does", async () => {
  await using held = await pause(milliseconds(100));
  await waitUntilRunning();
  const { outcome, microseconds } = await held.resume();
  assert.equal(outcome, "limit-reached");
  assert.ok(microseconds >= 100_000);
  await assert.rejects(pause(milliseconds(5_001)), { code: "usage" });
});

test("pauseVm: a VM that somebody else has paused stays paused", async () => {
  await connection.suspend(uuid);
  {
    await using held = await pause();
    assert.deepEqual(await held.resume(), { outcome: "already-paused", microseconds: 0 });
  }
  assert.deepEqual(await readState(), paused);
  assert.deepEqual(await resumeAbandonedPauses(journal), []);
  assert.deepEqual(await readState(), paused);
});

test("pauseVm: somebody else resuming the VM ends the pause early", async () => {
  await using held = await pause();
  await connection.resume(uuid);
  assert.equal((await held.resume()).outcome, "ended-early");
  assert.deepEqual(await readState(), running);
  assert.deepEqual(await readdir(journal), []);
});

test("pauseVm: a VM that goes during the pause is vm/gone, and leaves nothing behind", async () => {
  {
    await using held = await pause();
    await connection.destroy(uuid);
    await assert.rejects(held.resume(), { code: "vm/gone" });
  }
  assert.deepEqual(await readdir(journal), []);
  await assert.rejects(pause(), { code: "vm/unknown" });
});

test("pauseVm: a journal that cannot be written is a pause that does not happen", async () => {
  const file = join(scratch, "file");
  await writeFile(file, "");
  await assert.rejects(pauseVm({ connection, uuid, limit: long, journal: join(file, "pauses") }), {
    code: "data/not-writable",
  });
  assert.deepEqual(await readState(), running);
});

test("watchdog: kill -9 of the process that paused: it resumes the VM", async () => {
  const { pid, ended } = await startHolder();
  assert.deepEqual(await readState(), paused);
  process.kill(pid, "SIGKILL");
  await ended;
  await waitUntilRunning();
  await waitUntilEmpty();
});

test("watchdog: Ctrl-C and a polite end reach who paused, not the watchdog", async () => {
  const { pid, watchdog, ended } = await startHolder();
  process.kill(watchdog, "SIGTERM");
  process.kill(-pid, "SIGINT");
  await ended;
  await waitUntilRunning();
  await waitUntilEmpty();
});

test("watchdog: one that is killed is replaced by the process that paused", async () => {
  const { pid, watchdog, ended } = await startHolder();
  process.kill(watchdog, "SIGKILL");
  await waitUntilRunning();
  await waitUntilEmpty();
  process.kill(pid, "SIGKILL");
  await ended;
});

test("watchdog: a libvirtd that crashes during the pause: the VM runs once it is back", async () => {
  await using held = await pause();
  await libvirtd.order("kill");
  // How long libvirtd takes to come back is not ours to say, and resuming does not wait for ever.
  const resumed = held.resume().then(
    ({ outcome }) => outcome,
    ({ code }) => code,
  );
  await libvirtd.order("start");
  await libvirtd.answering();
  assert.ok(["frozen", "limit-reached", "vm/still-paused"].includes(await resumed));
  await connection.close();
  connection = await LibvirtConnection.open(libvirtd.uri);
  await waitUntilRunning();
  await waitUntilEmpty();
});

test("resumeAbandonedPauses: after kill -9 of both, the VM is resumed by the journal", async () => {
  const held = await startHolder();
  await killBoth(held);
  assert.deepEqual(await readState(), paused);
  const [told, ...others] = await resumeAbandonedPauses(journal);
  assert.deepEqual(others, []);
  assert.deepEqual([told?.uuid, told?.name, told?.failure], [uuid, "web01", undefined]);
  assert.deepEqual(await readState(), running);
  assert.deepEqual(await resumeAbandonedPauses(journal), []);
});

test("resumeAbandonedPauses: a pause under way is not touched", async () => {
  await using held = await pause();
  assert.deepEqual(await resumeAbandonedPauses(journal), []);
  assert.deepEqual(await readState(), paused);
  assert.equal((await held.resume()).outcome, "frozen");
});

test("resumeAbandonedPauses: a VM that was stopped and started since stays as it is", async () => {
  await killBoth(await startHolder());
  await connection.destroy(uuid);
  await connection.createDomain(domainXml(`<uuid>${uuid}</uuid>`), ["paused"]);
  assert.deepEqual(await resumeAbandonedPauses(journal), []);
  assert.equal((await connection.findDomain(uuid)).state, "paused");
  assert.deepEqual(await readdir(journal), []);
});

test("resumeAbandonedPauses: a VM that somebody resumed since is left alone", async () => {
  await killBoth(await startHolder());
  await connection.resume(uuid);
  assert.deepEqual(await resumeAbandonedPauses(journal), []);
  assert.deepEqual(await readState(), running);
  assert.deepEqual(await readdir(journal), []);
});

test("resumeAbandonedPauses: a libvirt that does not answer is said, and tried again", async () => {
  await killBoth(await startHolder());
  await connection.close();
  await libvirtd.order("kill");
  const [told] = await resumeAbandonedPauses(journal);
  assert.equal(told?.failure?.code, "vm/still-paused");
  await libvirtd.order("start");
  await libvirtd.answering();
  connection = await LibvirtConnection.open(libvirtd.uri);
  const [again] = await resumeAbandonedPauses(journal);
  assert.deepEqual([again?.uuid, again?.failure], [uuid, undefined]);
  await waitUntilRunning();
});
