import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
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
  await libvirt.createNetwork(`
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
