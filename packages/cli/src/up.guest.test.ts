import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientFile } from "@casemate/control";
import { findQemuProcess, LibvirtConnection } from "@casemate/host";

const casemate = resolve(import.meta.dirname, "../../../casemate");

let scratch: string;
let data: string;
let up: Up;

interface Up {
  readonly process: ChildProcess;
  /** Everything it printed so far. */
  text(): string;
  /** Waits for a line on stdout or stderr. */
  line(pattern: RegExp): Promise<string>;
}

function startUp(): Up {
  // Without sweeps: what is looked at, and by which process, is these tests' own doing.
  const words = ["--data", data, "--listen", "127.0.0.1:0", "--sweep-every", "0"];
  const child = spawn(casemate, ["up", "--lab", ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => lines.push(line));
  }
  return {
    process: child,
    text: () => lines.join("\n"),
    async line(pattern) {
      for (;;) {
        const found = lines.find((line) => pattern.test(line));
        if (found !== undefined) return found;
        assert.equal(child.exitCode, null, lines.join("\n"));
        await sleep(100);
      }
    },
  };
}

before(async () => {
  // QEMU's user must get at the guests' disks, which lie beside the data directory.
  scratch = await mkdtemp(join(tmpdir(), "casemate-up-"));
  await chmod(scratch, 0o711);
  data = join(scratch, "data");
  up = startUp();
});

after(async () => {
  up.process.kill("SIGKILL");
  await rm(scratch, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(...args: readonly string[]): Promise<Ended> {
  const child = spawn(casemate, [...args, "--data", data], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, "close");
  assert.doesNotMatch(stderr, /\n\s+at |node:internal/);
  return { code, stdout, stderr };
}

function readClient(): ClientFile {
  return JSON.parse(readFileSync(join(data, "client.json"), "utf8"));
}

/** The answer to a request, its body still to be read. */
async function get(path: string): Promise<AsyncIterable<Buffer>> {
  const { url, certificate, token } = readClient();
  const headers = { authorization: `Bearer ${token}` };
  const sent = request(new URL(path, url), { ca: certificate, headers, agent: false });
  sent.end();
  const [response] = await once(sent, "response");
  assert.equal(response.statusCode, 200);
  return response;
}

async function openLibvirt(): Promise<LibvirtConnection> {
  const hosts = JSON.parse(
    Buffer.concat(await Array.fromAsync(await get("/api/v1/hosts"))).toString(),
  );
  return await LibvirtConnection.open(hosts.items[0].uri);
}

/** The inspector: the child of Casemate that runs its program. */
function findInspector(): number {
  const { pid } = up.process;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  const found = children.find((child) =>
    readFileSync(`/proc/${child}/cmdline`, "utf8").includes("inspector/main.ts"),
  );
  assert.ok(found !== undefined);
  return Number(found);
}

test("casemate up --lab: shows the URL, a token, the guests, and what runs in web01", async () => {
  await up.line(/^Ctrl-C stops Casemate and the lab/);
  const text = up.text();
  assert.match(text, /^Casemate is at https:\/\/127\.0\.0\.1:\d+$/m);
  assert.match(text, /^ {2}token {8}cm_[\w-]{43} {2}/m);
  for (const name of ["web01", "db01", "build01"])
    assert.match(text, new RegExp(`^${name} +running`, "m"));
  assert.match(text, / nginx$/m);
});

interface ShownFact {
  readonly kind: string;
  readonly actor: string;
  readonly body: { readonly operation?: string };
}

/** The facts up to the end of what was begun last: the newest come into the tree with its next checkpoint. */
async function readFacts(): Promise<readonly ShownFact[]> {
  for (;;) {
    const { code, stdout, stderr } = await run("ledger", "facts", "--json");
    assert.equal(code, 0, stderr);
    const facts: readonly ShownFact[] = JSON.parse(stdout).items;
    const kinds = facts.map(({ kind }) => kind);
    if (kinds.lastIndexOf("operation/ended") > kinds.lastIndexOf("operation/intended"))
      return facts;
  }
}

test("casemate up --lab: its own look at web01 was asked for like any other, and stands in the ledger", async () => {
  const facts = await readFacts();
  const looked = facts.filter(({ body }) => body.operation === "vm.inspect");
  assert.deepEqual(
    looked.map(({ kind, actor }) => [kind, actor]),
    [
      ["request/made", "account:local"],
      ["operation/intended", "account:local"],
    ],
  );
});

test("casemate vm list: names the guests as libvirt does", async () => {
  await using libvirt = await openLibvirt();
  const { code, stdout } = await run("vm", "list", "--json");
  assert.equal(code, 0);
  const listed = JSON.parse(stdout);
  assert.equal(listed.kind, "VmList");
  const uuids = listed.items.map(({ uuid }: { readonly uuid: string }) => uuid);
  assert.deepEqual(uuids.sort(), (await libvirt.listDomains()).map(({ uuid }) => uuid).sort());
});

test("casemate inspect: the same kernel by name, by UUID and without the control plane", async () => {
  await using libvirt = await openLibvirt();
  const { uuid } = await libvirt.findDomain("db01");
  const builds = new Set<string>();
  for (const args of [["db01"], [uuid], ["db01", "--connect", libvirt.info.uri]]) {
    const { code, stdout, stderr } = await run("inspect", ...args, "kernel", "--json");
    assert.equal(code, 0, stderr);
    const [kernel] = JSON.parse(stdout).items;
    assert.equal(kernel.hostname, "db01");
    builds.add(`${kernel.buildId} ${kernel.kaslrOffset}`);
  }
  assert.equal(builds.size, 1);
});

test("inspector: is nobody, without a capability, unable to gain one, in a network of its own", () => {
  const pid = findInspector();
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
  assert.match(status, /^Gid:\t65534\t65534\t65534\t65534$/m);
  assert.match(status, /^Groups:\s*$/m);
  for (const set of ["CapEff", "CapPrm", "CapInh", "CapAmb"]) {
    assert.match(status, new RegExp(`^${set}:\t0{16}$`, "m"));
  }
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.notEqual(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync("/proc/self/ns/net"));
});

test("inspector: one that hangs costs its look and no more; one that dies is started again", async () => {
  process.kill(findInspector(), "SIGSTOP");
  const hung = await run("inspect", "db01", "kernel", "--budget", "100");
  assert.equal(hung.code, 3);
  assert.match(hung.stderr, /^casemate: Cannot finish the look: it took longer than \d+ ms/);
  assert.equal((await run("inspect", "db01", "kernel")).code, 0);
  process.kill(findInspector(), "SIGKILL");
  assert.ok([0, 3].includes((await run("inspect", "db01", "kernel")).code));
  assert.equal((await run("inspect", "db01", "kernel")).code, 0);
});

test("casemate up: a second one on the same data names the first", async () => {
  const { code, stderr } = await run("up", "--listen", "127.0.0.1:0");
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`with process id ${up.process.pid} works in it`));
});

test("casemate inspect: a paused guest is looked into; its events come as they happen", async () => {
  await using libvirt = await openLibvirt();
  const { uuid } = await libvirt.findDomain("db01");
  const events = (await get("/api/v1/events"))[Symbol.asyncIterator]();
  await events.next(); // connected
  await libvirt.suspend(uuid);
  const { value } = await events.next();
  const event = JSON.parse(String(value).replace(/^data: /, ""));
  assert.deepEqual([event.what, event.vm.uuid], ["suspended", uuid]);
  await events.return?.();
  assert.equal((await run("inspect", "db01", "processes")).code, 0);
  const { stdout } = await run("inspect", "db01", "processes", "--pause", "--json");
  assert.deepEqual(JSON.parse(stdout).paused, { outcome: "already-paused", microseconds: 0 });
  assert.equal((await libvirt.findDomain(uuid)).state, "paused");
  await libvirt.resume(uuid);
});

test("casemate inspect --pause: the guest stands still for the look, and that is told", async () => {
  await using libvirt = await openLibvirt();
  const { uuid } = await libvirt.findDomain("db01");
  for (const where of [[], ["--connect", libvirt.info.uri]]) {
    const args = ["inspect", "db01", "processes", "--pause", "--pause-limit", "5000", ...where];
    const { code, stdout, stderr } = await run(...args, "--json");
    assert.equal(code, 0, stderr);
    const { paused, consistency } = JSON.parse(stdout);
    assert.deepEqual([paused.outcome, consistency], ["frozen", "consistent"]);
    assert.ok(stderr.includes(`db01 stood still for ${paused.microseconds} µs.`), stderr);
    assert.equal((await libvirt.findDomain(uuid)).state, "running");
  }
});

test("casemate inspect: a guest still in its firmware has no kernel yet: inconclusive", async () => {
  await using libvirt = await openLibvirt();
  const { uuid } = await libvirt.createDomain(
    `<domain type="qemu"><name>firmware</name><memory unit="MiB">64</memory><vcpu>1</vcpu>
     <os><type arch="x86_64" machine="q35">hvm</type></os></domain>`,
  );
  const { code, stderr } = await run("inspect", "firmware", "processes");
  assert.equal(code, 3);
  assert.match(
    stderr,
    /^casemate: Cannot find a Linux kernel in firmware .+\n.+wait and look again\.\n$/,
  );
  await libvirt.destroy(uuid);
  const gone = await run("inspect", "firmware", "processes");
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /^casemate: Cannot find VM firmware: 3 VMs are there/);
});

test("casemate inspect: a guest that goes while it is read is told in one sentence", async () => {
  await using libvirt = await openLibvirt();
  const { uuid } = await libvirt.findDomain("build01");
  const looks = Array.from({ length: 6 }, () => run("inspect", "build01", "processes"));
  await Promise.race(looks);
  await libvirt.destroy(uuid);
  for (const { code, stderr } of await Promise.all(looks)) {
    assert.ok([0, 1, 3].includes(code), stderr);
    if (code !== 0) assert.match(stderr, /^casemate: Cannot .+\n.+\n$/);
  }
});

test("casemate up: at Ctrl-C everything ends, and the exit code says that all is well", async () => {
  await using libvirt = await openLibvirt();
  const qemu = findQemuProcess((await libvirt.findDomain("web01")).uuid);
  const inspector = findInspector();
  await libvirt.close();
  up.process.kill("SIGINT");
  const [code] = await once(up.process, "exit");
  assert.equal(code, 0);
  for (const pid of [qemu, inspector]) assert.equal(existsSync(`/proc/${pid}`), false);
  assert.equal(existsSync(join(data, "client.json")), false);
});

test("casemate up: after kill -9 neither guests nor libvirt nor inspector are left, and it starts again", async () => {
  up = startUp();
  await up.line(/^web01 +running/);
  assert.doesNotMatch(up.text(), /token/);
  assert.ok([0, 3].includes((await run("inspect", "web01", "kernel")).code));
  let pids: number[];
  {
    await using libvirt = await openLibvirt();
    pids = (await libvirt.listDomains()).map(({ uuid }) => findQemuProcess(uuid));
  }
  pids.push(findInspector());
  up.process.kill("SIGKILL");
  await once(up.process, "exit");
  for (const pid of pids) while (existsSync(`/proc/${pid}`)) await sleep(50);
  up = startUp();
  await up.line(/^web01 +running/);
  up.process.kill("SIGTERM");
  const [code] = await once(up.process, "exit");
  assert.equal(code, 0);
});
