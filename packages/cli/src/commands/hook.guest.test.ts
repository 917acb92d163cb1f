import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LibvirtConnection } from "@casemate/host";
import { labCacheDir, PrivateLibvirt } from "@casemate/lab";

const casemate = resolve(import.meta.dirname, "../../../../casemate");
const stack = new AsyncDisposableStack();
let scratch: string;
let data: string;
let daemon: PrivateLibvirt;
let up: ChildProcess | undefined;

interface Ended {
  readonly code: number;
  readonly text: string;
}

function start(words: readonly string[], input?: string): ChildProcess {
  const [file = "", ...rest] = words;
  const env = { ...process.env, HOME: scratch, XDG_CONFIG_HOME: join(scratch, ".config") };
  const child = spawn(file, rest, { stdio: ["pipe", "pipe", "pipe"], env });
  child.stdin.on("error", () => {}); // It may end without reading.
  child.stdin.end(input);
  return child;
}

async function run(words: readonly string[], input?: string): Promise<Ended> {
  const child = start(words, input);
  let text = "";
  for (const output of [child.stdout, child.stderr]) {
    output?.on("data", (chunk) => {
      text += String(chunk);
    });
  }
  const [code] = await once(child, "close");
  return { code: Number(code), text };
}

const virsh = (...words: readonly string[]) => run(["virsh", "-c", daemon.uri, ...words]);

/** The command in the network of the private libvirt, where its hook finds the control plane. */
async function inside(...words: readonly string[]): Promise<readonly string[]> {
  return ["nsenter", "--target", String(await daemon.daemonPid()), "--net", "--", ...words];
}

const ask = async (...words: readonly string[]) =>
  await run(await inside(casemate, ...words, "--data", data));

async function done(ended: Promise<Ended>): Promise<string> {
  const { code, text } = await ended;
  assert.equal(code, 0, text);
  return text;
}

async function startControl(): Promise<void> {
  const words = ["--connect", daemon.uri, "--data", data, "--listen", "127.0.0.1:0"];
  const child = start(await inside(casemate, "up", ...words));
  up = child;
  let printed = "";
  child.stdout?.on("data", (chunk) => {
    printed += String(chunk);
  });
  child.stderr?.on("data", (chunk) => {
    printed += String(chunk);
  });
  while (!printed.includes("Ctrl-C")) {
    assert.equal(child.exitCode, null, printed);
    await sleep(20);
  }
}

async function stopControl(): Promise<void> {
  if (up === undefined || up.exitCode !== null) return;
  up.kill("SIGTERM");
  await once(up, "close");
}

/** Ends libvirtd, which is started again at once, and waits until it answers. */
async function restartLibvirtd(): Promise<void> {
  const before = await daemon.daemonPid();
  assert.ok(before);
  process.kill(before, "SIGTERM");
  while ([undefined, before].includes(await daemon.daemonPid())) await sleep(20);
  while ((await virsh("uri")).code !== 0) await sleep(20);
}

const hooks = () => join(daemon.directory, "etc/hooks");
const install = (...words: readonly string[]) =>
  done(ask("hook", "install", "--directory", hooks(), ...words));

/** Sets the labels of a VM past Casemate. */
async function label(vm: string, ...labels: readonly string[]): Promise<void> {
  const xml = `<vm>${labels.map((each) => `<label>${each}</label>`).join("")}</vm>`;
  const of = ["--uri", "urn:casemate:vm:1", "--key", "casemate", "--config"];
  await done(virsh("metadata", vm, ...of, "--set", xml));
}

interface ShownFact {
  readonly kind: string;
  readonly actor: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The facts, once one of them is told so. */
async function awaitFact(pattern: RegExp): Promise<readonly ShownFact[]> {
  for (;;) {
    const { items } = JSON.parse(await done(ask("ledger", "facts", "--json")));
    if (items.some((fact: ShownFact) => pattern.test(JSON.stringify(fact)))) return items;
  }
}

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-hook-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  data = join(scratch, "data");
  daemon = stack.use(await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }));
  await using libvirt = await LibvirtConnection.open(daemon.uri);
  for (const name of ["web", "bad", "other"]) {
    await libvirt.defineDomain(`
      <domain type="qemu">
        <name>${name}</name>
        <memory unit="MiB">16</memory>
        <os><type arch="x86_64" machine="pc">hvm</type></os>
        <devices/>
      </domain>`);
  }
  await label("bad", "quarantined");
  await done(virsh("start", "other"));
  stack.defer(stopControl);
  await startControl();
  await install();
  await restartLibvirtd();
});
after(() => stack.disposeAsync());

test("casemate hook: what the policy forbids is refused in virsh's own words, and recorded", async () => {
  await done(virsh("start", "web"));
  await done(virsh("destroy", "web"));
  const refused = await virsh("start", "bad");
  assert.equal(refused.code, 1);
  assert.match(refused.text, /Casemate does not let bad run: .*quarantined VM does not run/);
  const facts = await awaitFact(/libvirt.refused/);
  const fact = facts.find(({ kind }) => kind === "libvirt/refused");
  assert.equal(fact?.actor, "unknown");
  assert.deepEqual(fact?.body, {
    ...{ action: "libvirt.start", name: "bad" },
    policies: ["quarantined-stays-down"],
  });
});

test("casemate hook: what Casemate itself starts is not asked about again", async () => {
  await done(ask("vm", "start", "web"));
  assert.match(await done(virsh("domstate", "web")), /running/);
});

test("casemate hook: a state saved before a label was given is judged by the label", async () => {
  const saved = join(scratch, "web.saved");
  await done(virsh("save", "web", saved));
  await label("web", "quarantined");
  await awaitFact(/"added":\["quarantined"\]/);
  const refused = await virsh("restore", saved);
  assert.match(refused.text, /Casemate does not let web run/);
  await label("web");
  await awaitFact(/"removed":\["quarantined"\]/);
  await done(virsh("restore", saved));
  await done(virsh("destroy", "web"));
});

test("casemate hook: a VM that arrives is judged; what cannot be refused is let alone", async () => {
  const script = join(hooks(), "qemu.d/casemate");
  const call = async (vm: string, ...words: readonly string[]) =>
    await run(await inside(script, vm, ...words, "-"), await done(virsh("dumpxml", vm)));
  assert.equal((await call("bad", "migrate", "begin")).code, 4);
  assert.equal((await call("bad", "restore", "begin")).code, 4);
  assert.deepEqual(await call("web", "migrate", "begin"), { code: 0, text: "" });
  assert.equal((await call("bad", "reconnect", "begin")).code, 0);
  assert.equal((await run(await inside(script, "bad", "prepare", "begin", "-"), "<a>")).code, 4);
});

test("casemate hook: a control plane that never answers holds libvirt up for seconds only", async () => {
  up?.kill("SIGSTOP");
  const refused = await virsh("start", "web");
  up?.kill("SIGCONT");
  assert.match(refused.text, /Casemate does not let web run: Cannot reach the control plane/);
});

test("casemate hook: without Casemate nothing starts unless that was chosen; what runs runs on", async () => {
  await stopControl();
  const refused = await virsh("start", "web");
  assert.match(refused.text, /Casemate does not let web run: .*Start it with `casemate up`/);
  await restartLibvirtd();
  assert.match(await done(virsh("domstate", "other")), /running/);

  await install("--unreachable", "permit");
  await done(virsh("start", "web"));
  await startControl();
  const facts = await awaitFact(
    /"noticed":"reconciliation".*"state":\{"from":"shutoff","to":"running"\}/,
  );
  assert.equal(facts.at(-1)?.actor, "unknown");
  // Where Casemate can be reached it decides.
  assert.match((await virsh("start", "bad")).text, /quarantined VM does not run/);
});
