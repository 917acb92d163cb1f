import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { attachHost } from "@casemate/agent";
import { type ControlConfig, startControl } from "@casemate/control";
import { toCasemateError } from "@casemate/core";
import { LibvirtConnection } from "@casemate/host";
import { labCacheDir, PrivateLibvirt } from "@casemate/lab";
import { type ControlClient, controlClient } from "./client/control-client.ts";
import { readClientFile } from "./client/read-client-file.ts";

const run = promisify(execFile);
const casemate = resolve(import.meta.dirname, "../../../casemate");
const stack = new AsyncDisposableStack();
let scratch: string;
let libvirt: LibvirtConnection;
let uri: string;
/** Nobody is logged in there. */
let env: NodeJS.ProcessEnv;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-trouble-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  env = { ...process.env, HOME: scratch, XDG_CONFIG_HOME: join(scratch, ".config") };
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }),
  );
  uri = daemon.uri;
  libvirt = stack.use(await LibvirtConnection.open(uri));
  for (const name of ["web", "spare"]) {
    await libvirt.defineDomain(`
      <domain type="qemu">
        <name>${name}</name>
        <memory unit="MiB">16</memory>
        <os><type arch="x86_64" machine="pc">hvm</type></os>
        <devices/>
      </domain>`);
  }
});
after(() => stack.disposeAsync());

/** A control plane in `data`, and its API. */
async function openControl(data: string, atFaultPoint?: ControlConfig["atFaultPoint"]) {
  await using opening = new AsyncDisposableStack();
  const agent = opening.use(await attachHost({ uri, pauses: join(scratch, "pauses") }));
  const listen = { host: "127.0.0.1", port: 0 };
  const control = opening.use(
    await startControl({
      ...{ dataDirectory: data, listen, verbose: false },
      ...(atFaultPoint === undefined ? {} : { atFaultPoint }),
    }),
  );
  await control.attach(agent);
  const client = controlClient(await readClientFile(data));
  const owned = opening.move();
  return { client, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

type Document = Readonly<Record<string, unknown>>;

/** The error that refuses it, as `code: message`; what it answers where nothing does. */
async function attempt(work: Promise<Document>): Promise<Document> {
  return await work.catch((thrown) => {
    const { code, message } = toCasemateError(thrown);
    return { refused: code, message };
  });
}

/** Asks for an operation on a VM and waits for its end. */
async function ask(client: ControlClient, vm: string, operation: string): Promise<Document> {
  const body = { requestId: randomUUID() };
  const taken = await attempt(client.post(`/api/v1/vms/${vm}/operations/${operation}`, body));
  if ("refused" in taken) return taken;
  return await attempt(client.get(`/api/v1/requests/${String(taken["id"])}?wait=20`));
}

const stateOf = async (vm: string) => (await libvirt.findDomain(vm)).state;

const look = (client: ControlClient) => attempt(client.get("/api/v1/vms/web/views/processes"));

async function namesIn(client: ControlClient): Promise<readonly string[]> {
  const { items } = await client.get("/api/v1/vms");
  return (items as { name: string }[]).map(({ name }) => name); // our own control plane answered
}

/** Takes the file system's last byte. */
function fill(directory: string): void {
  const file = openSync(join(directory, "filler"), "w");
  for (const size of [65_536, 4_096, 1]) {
    const chunk = Buffer.alloc(size, 1);
    try {
      while (writeSync(file, chunk) === size);
    } catch {} // no space is left: that is what is wanted
  }
  closeSync(file);
}

/** States of all requests, by operation; none may be left open. */
async function verifyClosed(client: ControlClient): Promise<void> {
  const { items } = await client.get("/api/v1/requests?limit=200");
  const states = (items as { state: string }[]).map(({ state }) => state); // our own control plane answered
  const open = states.filter((state) => ["approved", "running"].includes(state));
  assert.deepEqual(open, []);
}

test("a full disk: nothing begins, what was begun ends, lists are shown; with room again all is as before", async () => {
  const data = join(scratch, "full");
  await mkdir(data);
  await run("mount", ["-t", "tmpfs", "-o", "size=8m,mode=0700", "casemate-test", data]);
  stack.defer(async () => void (await run("umount", ["--lazy", data])));
  let filling = false;
  await using control = await openControl(data, (point) => {
    if (filling && point === "intended") fill(data);
  });
  const { client } = control;
  assert.equal((await ask(client, "web", "vm.start"))["state"], "done");

  filling = true;
  assert.equal((await ask(client, "spare", "vm.start"))["state"], "done");
  assert.equal(await stateOf("spare"), "running");
  filling = false;
  // What still fits into started pages may be done, and is done whole then.
  let refused: Document = {};
  while (refused["refused"] === undefined) {
    const off = (await stateOf("spare")) === "shutoff";
    refused = await ask(client, "spare", off ? "vm.start" : "vm.kill");
    assert.equal(
      await stateOf("spare"),
      off === (refused["state"] === "done") ? "running" : "shutoff",
    );
  }
  assert.equal(refused["refused"], "disk/full", String(refused["message"]));
  assert.match(String(refused["message"]), /no space is left on its file system/);
  const before = await stateOf("spare");
  const operation = before === "shutoff" ? "vm.start" : "vm.kill";
  for (let round = 0; round < 3; round += 1) {
    assert.equal((await ask(client, "spare", operation))["refused"], "disk/full");
    assert.equal((await look(client))["refused"], "disk/full");
  }
  const words = ["vm", operation.slice(3), "spare", "--data", data];
  const typed = await run(casemate, words, { env }).catch((thrown) => thrown);
  assert.equal(typed.code, 1);
  assert.match(typed.stderr, /no space is left on its file system.\nFree space/);
  assert.deepEqual([await stateOf("web"), await stateOf("spare")], ["running", before]);
  assert.deepEqual(await namesIn(client), ["spare", "web"]);
  await verifyClosed(client);
  await run("virsh", ["-c", uri, "destroy", "web"]);

  await rm(join(data, "filler"));
  assert.equal((await ask(client, "spare", operation))["state"], "done");
  assert.notEqual(await stateOf("spare"), before);
  await verifyClosed(client);
  // What somebody did past Casemate meanwhile is recorded, too.
  for (let found = false; !found; await sleep(50)) {
    const { stdout } = await run(casemate, ["ledger", "facts", "--json", "--data", data], { env });
    found = JSON.parse(stdout).items.some(
      ({ actor, body }: { actor: string; body: { changes?: { state?: { from: string } } } }) =>
        actor === "unknown" && body.changes?.state?.from === "running",
    );
  }
});

test("a file system that turned read-only: nothing begins, VMs run; mounted anew, Casemate goes on", async () => {
  const data = join(scratch, "read-only");
  const image = join(scratch, "image");
  await mkdir(data);
  await run("truncate", ["--size=24M", image]);
  await run("mkfs.ext4", ["-q", "-m", "0", image]);
  const mount = async () => {
    await run("mount", ["-o", "loop,errors=remount-ro", image, data]);
    const { stdout } = await run("findmnt", ["-no", "SOURCE", data]);
    return basename(stdout.trim());
  };
  const device = await mount();
  stack.defer(async () => void (await run("umount", ["--lazy", data]).catch(() => {})));
  const first = await openControl(data);
  assert.equal((await ask(first.client, "web", "vm.start"))["state"], "done");
  await run("sync", ["--file-system", data]);
  // What the kernel does when it finds the file system damaged.
  await writeFile(`/sys/fs/ext4/${device}/trigger_fs_error`, "1");
  for (let round = 0; round < 3; round += 1) {
    assert.equal((await ask(first.client, "web", "vm.kill"))["refused"], "data/not-writable");
    assert.equal((await look(first.client))["refused"], "data/not-writable");
  }
  assert.deepEqual(await namesIn(first.client), ["spare", "web"]);
  await verifyClosed(first.client);
  // It ends, and says that the last checkpoint is still to be made.
  await assert.rejects(first[Symbol.asyncDispose](), { code: "data/not-writable" });
  assert.equal(await stateOf("web"), "running");
  await run("umount", [data]);

  await mount();
  await using second = await openControl(data);
  await verifyClosed(second.client);
  assert.equal((await ask(second.client, "web", "vm.kill"))["state"], "done");
  assert.equal(await stateOf("web"), "shutoff");
});
