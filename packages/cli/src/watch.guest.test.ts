import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { setPriority } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findQemuProcess } from "@casemate/host";
import { findTask } from "@casemate/inspect";
import { GuestEditor } from "@casemate/inspect/test/guest-editor";
import { unlistProcess } from "@casemate/inspect/test/unlist-process";
import { type SystemGuest, startSystemGuest } from "@casemate/lab";
import { ControlPlane, type Ended } from "../test/control-plane.fixture.ts";
import { formatTranscript } from "../test/format-transcript.ts";

const page = join(import.meta.dirname, "../../../docs/watch.md");
/** Whether the page's answers are written anew. */
const writes = process.argv.includes("--write");
const stack = new AsyncDisposableStack();
let control: ControlPlane;
let guest: SystemGuest;
/** When it booted, by its own clock; Unix milliseconds. */
let booted: number;

before(async () => {
  control = stack.use(await ControlPlane.open({ givesFiles: true, up: ["--sweep-every", "20"] }));
  const { libvirt } = control;
  await libvirt.networks.create(`
    <network>
      <name>lab</name><forward mode="open"/><bridge name="lab0" stp="off" delay="0"/>
      <ip address="192.0.2.1" prefix="24"><dhcp><range start="192.0.2.10" end="192.0.2.20"/></dhcp></ip>
    </network>`);
  const devices = `<interface type="network"><mac address="52:54:00:00:00:21"/>
    <source network="lab"/><model type="virtio"/></interface>`;
  guest = await startSystemGuest(control, { devices });
  // Until then its DHCP client looks like somebody who listens to everything.
  await guest.run("until ip -4 addr show eth0 | grep -q inet; do sleep 0.2; done");
  booted = Date.now() - 1_000 * Number(await guest.run("cut -d ' ' -f 1 /proc/uptime"));
  await control.start();
  await control.addPerson("olga", "operator");
  await control.addPerson("sofia", "security-officer");
});
after(() => stack.disposeAsync());

/** What happens by itself, some time: these are asked again until they tell of it. */
const patient: readonly (readonly [command: string, until: RegExp])[] = [
  ["casemate vm snapshots", /since .*by \d+ of/],
  ["casemate findings show", /dry run/],
];

/** What is typed behind each prompt. */
async function type(prompt: string, command: string): Promise<Ended> {
  if (prompt === "web01#") {
    if (command.startsWith("cp ")) await letTimePass();
    const stdout = await guest.run(`{ ${command}\n} 2>&1 || true`);
    return { code: 0, stdout: stdout.replaceAll("\r", ""), stderr: "" };
  }
  if (prompt === "rootkit#") return await hide(command.replace("hide ", ""));
  const [, until] = patient.find(([each]) => command.startsWith(each)) ?? [];
  for (;;) {
    const ended = await control.run(prompt.slice(0, -1), ["sh", "-c", command]);
    if (until === undefined || until.test(ended.stdout)) return ended;
    await sleep(500);
  }
}

/**
 * Waits until what starts in the guest is younger than what was taken of it, by its clock too, which stood
 * still for a snapshot.
 */
async function letTimePass(): Promise<void> {
  const uptime = Math.ceil((Date.now() - booted) / 1_000) + 3;
  await guest.run(`until [ $(cut -d . -f 1 /proc/uptime) -ge ${uptime} ]; do sleep 0.2; done`);
}

/** What a rootkit does to a process, done to the guest's memory. */
async function hide(name: string): Promise<Ended> {
  const { libvirt } = control;
  const { uuid, run } = guest;
  const monitor = {
    hmp: (line: string) => libvirt.hmp(uuid, line),
    qmp: (command: { readonly execute: string }) => libvirt.qmp(uuid, command),
  };
  const machine = { pid: findQemuProcess(uuid), monitor, console: { output: run } };
  await using editor = await GuestEditor.open(machine);
  const pid = Number(await run(`for i in $(seq 100); do pidof ${name} && break; sleep 0.1; done`));
  const task = editor.look(({ kernel }) => findTask(kernel, pid));
  await editor.edit(() => unlistProcess(editor, { pid, task }, "tasks", "pids"));
  return { code: 0, stdout: "", stderr: "" };
}

test("docs/watch.md: is what happens when it is done again", async () => {
  const written = await readFile(page, "utf8");
  const again = await formatTranscript(written, type);
  if (writes) await writeFile(page, again);
  else assert.deepEqual(again.split("\n"), written.split("\n"));
});

/** The id of a request of olga's that another person has to approve. */
async function ask(...words: readonly string[]): Promise<string> {
  const asked = await control.as("olga", words);
  assert.equal(asked.code, 4, asked.stdout + asked.stderr);
  const told = /(?:requests show|request) ([0-9a-f-]{36})/.exec(asked.stdout + asked.stderr);
  return told?.[1] ?? assert.fail(asked.stdout + asked.stderr);
}

/** What olga asks for and sofia approves: the request's id, and what was printed when it was done. */
async function doneWithApproval(...words: readonly string[]) {
  const request = await ask(...words);
  return { request, said: await control.done("sofia", "requests", "approve", request) };
}

/** The id of a process with several threads, which runs until it is killed. */
async function startServer(): Promise<string> {
  const said = await guest.run(`
    setsid redis-server --port 0 --unixsocket /run/own.redis --save '' --dir /tmp >/dev/null 2>&1 &
    for i in $(seq 200); do
      for pid in $(pidof redis-server); do
        grep -q own.redis /proc/$pid/cmdline || continue
        set -- /proc/$pid/task/*
        [ $# -gt 2 ] && echo $pid && exit
      done
      sleep 0.1
    done`);
  return said.trim();
}

/** Who copies RAM for Casemate, as soon as it is started. */
async function waitForExtractor(): Promise<number> {
  const { pid } = control;
  for (; ; await sleep(5)) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    for (const child of children.trim().split(" ")) {
      const words = await readFile(`/proc/${child}/cmdline`, "utf8").catch(() => ""); // it has ended
      if (words.includes("extractor/main.ts")) return Number(child);
    }
  }
}

/** Has Casemate save evidence with the whole RAM, and kills it when `isTime` says so. What was asked for. */
async function killWhileSaving(
  words: readonly string[],
  isTime: (partial: string) => Promise<boolean>,
): Promise<string> {
  const request = await ask("evidence", "save", "web01", "--memory", ...words);
  const approving = control.as("sofia", ["requests", "approve", request]);
  const partial = join(control.data, "evidence", `${request}.tar.partial`);
  const extractor = await waitForExtractor();
  setPriority(extractor, 19); // where processors are short of time, this test comes first
  while (!(await isTime(partial))) process.kill(extractor, 0); // throws once the copy is made
  await control.stop("SIGKILL");
  assert.notEqual((await approving).code, 0);
  await stat(partial);
  return request;
}

test("evidence save --memory: killed in the middle of the copy nothing is left of it, and the VM runs on", async () => {
  const { libvirt, data } = control;
  const { uuid } = guest;
  /** Whether a MiB of it is there, in blocks of 512 bytes. */
  const isWritten = async (partial: string) => (await stat(partial)).blocks > 2_048;
  using events = await libvirt.watch();
  const isPaused = async () => {
    for await (const event of events) {
      if (event.kind !== "lifecycle" || event.event !== "suspended") continue;
      process.kill(control.pid, "SIGSTOP");
      assert.equal((await libvirt.findDomain(uuid)).state, "paused");
      return true;
    }
    return false;
  };
  for (const [words, isTime] of [
    [[], isWritten],
    [["--pause", "--pause-limit", "5000"], isPaused],
  ] as const) {
    const request = await killWhileSaving(words, isTime);
    while ((await libvirt.findDomain(uuid)).state !== "running") await sleep(50);
    assert.equal((await guest.run("echo alive")).trim(), "alive");
    await control.start();
    const show = ["requests", "show", request, "--json"];
    let shown: { readonly state: string; readonly message?: string };
    do shown = JSON.parse(await control.done("olga", ...show));
    while (shown.state === "running");
    assert.equal(shown.state, "undone", shown.message);
    assert.match(shown.message ?? "", /taken back: a bundle that is not sealed/);
    const left = await readdir(join(data, "evidence"));
    assert.deepEqual(
      left.filter((name) => name.startsWith(request)),
      [],
    );
    // Made when the first VM is paused.
    assert.deepEqual(await readdir(join(data, "pauses")).catch(() => []), []);
  }
});

test("evidence save --memory: the whole RAM is sealed, and what is looked for in it elsewhere is what the VM shows", async () => {
  const { request, said } = await doneWithApproval(
    ...["evidence", "save", "web01", "--memory", "--pause", "--pause-limit", "5000"],
  );
  assert.match(said, /vm\.evidence\.save web01: .*done/);
  const live = JSON.parse(await control.done("olga", "inspect", "web01", "processes", "--json"));
  const notHers = await control.as("sofia", ["evidence", "get", request, "-o", "ram.tar"]);
  assert.equal(notHers.code, 4, "who did not ask for it has not been granted it");
  await control.done("olga", "evidence", "get", request, "-o", "ram.tar");
  const [listed] = JSON.parse(await control.done("olga", "evidence", "list", "--json")).items;
  assert.deepEqual([listed.id, listed.memory, listed.classes.length], [request, true, 4]);

  const keys = await readFile(join(control.data, "ledger", "keys"), "utf8");
  const key = keys.trim().split(" ")[1] ?? "";
  const verified = await control.done("olga", "evidence", "verify", "ram.tar", "--key", key);
  assert.match(
    verified,
    /memory\/ram\.lime +ok[\s\S]*the VM stood still for \d+ µs[\s\S]*as it was sealed/,
  );
  await control.run("olga", ["tar", "-xf", "ram.tar", "memory"]);
  const about = JSON.parse(await readFile(join(control.scratch, "olga/memory/ram.json"), "utf8"));
  assert.equal(about.consistency, "consistent");
  assert.equal(about.paused.outcome, "frozen");
  const image = ["--memory", "memory/ram.lime"];
  const then = JSON.parse(await control.done("olga", "inspect", ...image, "processes", "--json"));
  // Which of the kernel's workers there are changes by the moment.
  const listedIn = ({ items }: { items: readonly { pid: number; name: string }[] }) =>
    items
      .map(({ pid, name }) => `${pid} ${name}`)
      .filter((each) => !/ kworker|getty|cron/.test(each));
  assert.deepEqual(listedIn(then), listedIn(live));
  const some = ["--detector", "hidden-processes", "hidden-modules", "system-calls"];
  assert.match(await control.done("olga", "check", ...image, ...some), /hidden-processes +clean/);
});

test("check --rules: what processes hold is put to rules once another person has agreed", async () => {
  const pid = await startServer();
  const rules = join(control.scratch, "olga", "own.yar");
  await writeFile(
    rules,
    'rule redis { strings: $a = "# Server\\r\\nredis_version" condition: $a }',
  );
  const words = ["check", "web01", "--detector", "signatures", "--rules", rules, "--json"];
  const { request } = await doneWithApproval(...words.filter((word) => word !== "--json"));
  const checked = await control.as("olga", [...words, "--request", request]);
  assert.equal(checked.code, 2, checked.stdout + checked.stderr);
  const [verdict] = JSON.parse(checked.stdout).items;
  const keys = verdict.suspicions.map(({ key }: { key: string }) => key);
  assert.ok(
    keys.some((each: string) => /redis-.*own:redis$/.test(each)),
    JSON.stringify(keys),
  );
  await guest.run(`kill ${pid}`);
});

test("vm process-freeze, process-thaw, process-kill: of a process with several threads all stand still, go on, and end", async () => {
  const pid = await startServer();
  const run = async (command: string) => (await guest.run(command)).trim();
  const states = () => run(`cut -d ' ' -f 3 /proc/${pid}/task/*/stat | sort -u | xargs`);
  const threads = await run(`ls /proc/${pid}/task | wc -l`);
  assert.ok(Number(threads) > 1, threads);
  const planned = await control.done("olga", "vm", "process-freeze", "web01", pid, "--dry-run");
  assert.match(planned, /redis-server/);
  await doneWithApproval("vm", "process-freeze", "web01", pid);
  assert.equal(await states(), "T");
  await doneWithApproval("vm", "process-thaw", "web01", pid);
  assert.equal(await states(), "S");
  await doneWithApproval("vm", "process-kill", "web01", pid);
  assert.equal(await run(`[ -e /proc/${pid} ] || echo gone`), "gone");
  const complaints = "dmesg | grep -E 'BUG|WARNING|Oops|segfault' || true";
  assert.equal(await run(complaints), "");
});
