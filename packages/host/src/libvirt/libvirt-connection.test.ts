import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CasemateError } from "@casemate/core";
import type { DomainEvent } from "./domain-event.ts";
import { LibvirtConnection } from "./libvirt-connection.ts";
import { LibvirtError } from "./libvirt-error.ts";

// libvirt's own test driver: the real library, no daemon, one running VM called `test`.
const uri = "test:///default";

const is = (code: string) => (error: unknown) =>
  error instanceof CasemateError && error.code === code && error.stack !== undefined;

const transient = (name: string) =>
  `<domain type="test"><name>${name}</name><memory unit="MiB">8</memory><os><type>hvm</type></os></domain>`;

async function testDomain(connection: LibvirtConnection) {
  return connection.findDomain("test");
}

test("LibvirtConnection.open: says what it is connected to", async () => {
  await using connection = await LibvirtConnection.open(uri);
  assert.equal(connection.info.hypervisor, "TEST");
  assert.equal(connection.info.uri, uri);
  assert.match(connection.info.libvirtVersion, /^\d+\.\d+\.\d+$/);
});

test("LibvirtConnection.open: no libvirt there is libvirt/unreachable, with libvirt's words", async () => {
  await assert.rejects(
    LibvirtConnection.open("qemu+unix:///system?socket=/nonexistent/libvirt-sock"),
    (error) => {
      assert.ok(is("libvirt/unreachable")(error));
      assert.ok(error instanceof CasemateError && error.cause instanceof LibvirtError);
      assert.match(error.message, /\/nonexistent\/libvirt-sock/);
      return true;
    },
  );
});

test("LibvirtConnection.open: an aborted signal is `cancelled`", async () => {
  await assert.rejects(LibvirtConnection.open(uri, {}, AbortSignal.abort()), is("cancelled"));
  const abort = new AbortController();
  const opening = LibvirtConnection.open(uri, {}, abort.signal);
  abort.abort();
  await assert.rejects(opening, is("cancelled"));
});

test("LibvirtConnection: a change that is cancelled before a thread has it is never made", async () => {
  await using connection = await LibvirtConnection.open(uri);
  const { uuid } = await testDomain(connection);
  // As many calls as there are threads at most.
  const before = Array.from({ length: 8 }, () => connection.listDomains());
  const abort = new AbortController();
  const suspending = connection.suspend(uuid, abort.signal);
  abort.abort();
  await assert.rejects(suspending, is("cancelled"));
  await Promise.all(before);
  assert.equal((await testDomain(connection)).state, "running");
});

test("LibvirtConnection.open: a read-only connection reads and refuses to change", async () => {
  await using connection = await LibvirtConnection.open(uri, { readOnly: true });
  const { uuid } = await testDomain(connection);
  await assert.rejects(connection.suspend(uuid), is("libvirt/not-permitted"));
  assert.equal((await testDomain(connection)).state, "running");
});

test("LibvirtConnection.listDomains: every VM, running or not, with its sizes in bytes", async () => {
  await using connection = await LibvirtConnection.open(uri);
  const created = await connection.createDomain(transient("listed"));
  const domains = await connection.listDomains();
  assert.deepEqual(domains.map(({ name }) => name).sort(), ["listed", "test"]);
  assert.equal(created.memory, 8 * 1024 * 1024);
  assert.equal(created.persistent, false);
  assert.equal(typeof created.id, "number");
  await connection.destroy(created.uuid);
  assert.deepEqual((await connection.listDomains()).length, 1);
});

test("LibvirtConnection.findDomain: by name and by UUID alike", async () => {
  await using connection = await LibvirtConnection.open(uri);
  const byName = await connection.findDomain("test");
  assert.deepEqual((await connection.findDomain(byName.uuid)).name, "test");
  await assert.rejects(connection.findDomain("nosuch"), is("vm/unknown"));
  await assert.rejects(
    connection.findDomain("00000000-0000-4000-8000-000000000000"),
    is("vm/unknown"),
  );
});

test("LibvirtConnection.findDefinedDomain: what findDomain and domainXml say, at one moment", async () => {
  await using connection = await LibvirtConnection.open(uri);
  const { uuid } = await testDomain(connection);
  const xml = (inactive: boolean) => connection.domainXml(uuid, { inactive, secure: false });
  const running = await connection.findDefinedDomain("test");
  assert.deepEqual([running.inactive, running.live], [await xml(true), await xml(false)]);
  assert.equal(running.domain.id, (await testDomain(connection)).id);
  assert.equal(await connection.domainState(uuid), "running");
  await connection.destroy(uuid);
  const stopped = await connection.findDefinedDomain(uuid);
  assert.deepEqual([stopped.inactive, stopped.live], [await xml(true), undefined]);
  assert.equal(await connection.domainState(uuid), "shutoff");
  await assert.rejects(connection.findDefinedDomain("nosuch"), is("vm/unknown"));
});

test("LibvirtConnection: a VM's life, defined to undefined, each step seen as an event", async () => {
  await using connection = await LibvirtConnection.open(uri);
  using events = await connection.watch();
  const { uuid, state } = await connection.defineDomain(transient("lived"));
  assert.equal(state, "shutoff");
  await connection.start(uuid);
  await connection.suspend(uuid);
  assert.equal((await connection.findDomain(uuid)).state, "paused");
  await connection.resume(uuid);
  await connection.destroy(uuid);
  await assert.rejects(connection.suspend(uuid), is("vm/not-running"));
  await connection.undefine(uuid);

  const seen: DomainEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (event.kind === "lifecycle" && event.event === "undefined") break;
  }
  assert.deepEqual(
    seen.map((event) => (event.kind === "lifecycle" ? [event.event, event.detail] : event.kind)),
    [
      ["defined", "added"],
      ["started", "booted"],
      ["suspended", "paused"],
      ["resumed", "unpaused"],
      ["stopped", "destroyed"],
      ["undefined", "removed"],
    ],
  );
  assert.ok(seen.every((event) => event.uuid === uuid && event.name === "lived"));
});

test("LibvirtConnection: snapshots are taken, listed with their parents, reverted to, deleted", async () => {
  await using connection = await LibvirtConnection.open(uri);
  const { uuid } = await testDomain(connection);
  const xml = (name: string) => `<domainsnapshot><name>${name}</name></domainsnapshot>`;
  assert.equal(await connection.createSnapshot(uuid, xml("one")), "one");
  await connection.createSnapshot(uuid, xml("two"));
  const snapshots = await connection.listSnapshots(uuid);
  assert.deepEqual(
    snapshots.sort((a, b) => a.name.localeCompare(b.name)),
    [
      { name: "one", parent: undefined, current: false },
      { name: "two", parent: "one", current: true },
    ],
  );
  await connection.revertToSnapshot(uuid, "one");
  assert.match(await connection.snapshotXml(uuid, "one"), /<name>one<\/name>/);
  await connection.deleteSnapshot(uuid, "one", ["children"]);
  assert.deepEqual(await connection.listSnapshots(uuid), []);
  await assert.rejects(connection.snapshotXml(uuid, "one"), is("snapshot/unknown"));
});

test("LibvirtConnection: networks and storage pools are listed; a network lives and ends", async () => {
  await using connection = await LibvirtConnection.open(uri);
  const network = await connection.networks.define(
    `<network><name>n</name><bridge name="virbr9"/><ip address="10.9.0.1" netmask="255.255.255.0"/></network>`,
  );
  assert.deepEqual([network.active, network.persistent, network.bridge], [false, true, "virbr9"]);
  await connection.networks.start(network.uuid);
  const started = (await connection.networks.list()).find(({ name }) => name === "n");
  assert.equal(started?.active, true);
  await connection.networks.destroy(network.uuid);
  await connection.networks.undefine(network.uuid);
  const [pool] = await connection.storage.listPools();
  assert.equal(pool?.state, "running");
  assert.ok(pool.capacity > 0);
});

/** How many threads of this process have the name. */
async function countThreads(name: string): Promise<number> {
  const tasks = await readdir("/proc/self/task");
  const names = tasks.map((task) => readFile(`/proc/self/task/${task}/comm`, "utf8"));
  return (await Promise.all(names)).filter((comm) => comm.trim() === name).length;
}

test("LibvirtConnection: concurrent failing calls, in several threads, each get their own error", async () => {
  await using one = await LibvirtConnection.open(uri);
  await using two = await LibvirtConnection.open(uri);
  // Large, so that libvirt is at it for long enough that calls wait and more threads start.
  const description = `<description>${"x".repeat(512 * 1024)}</description>`;
  const calls = Array.from({ length: 80 }, async (_, index) => {
    const connection = index % 2 === 0 ? one : two;
    const name = `nosuch-${index}`;
    // libvirt's error names what it refused, so each can be told from all others.
    await assert.rejects(
      connection.defineDomain(`<domain type="${name}"><name>x</name>${description}</domain>`),
      (error: Error) => error.message.endsWith(` ${name}".`),
    );
  });
  const found = Array.from({ length: 50 }, () => testDomain(one));
  await Promise.all([...calls, ...found]);
  const threads = await countThreads("libvirt-calls");
  assert.ok(threads > 1 && threads <= 8, `${threads} threads`);
});

test("LibvirtConnection: a call on a closed connection is refused, and closing twice is harmless", async () => {
  const connection = await LibvirtConnection.open(uri);
  const events = await connection.watch();
  await Promise.all([connection.close(), connection.close()]);
  await assert.rejects(connection.listDomains(), is("libvirt/unreachable"));
  assert.deepEqual(await events.next(), { done: true, value: undefined });
});

test("LibvirtConnection: 3,000 calls, failing ones among them, leave no memory behind", async () => {
  await using connection = await LibvirtConnection.open(uri);
  // 32 KiB of definition, so that a thousand that were not freed could not be overlooked.
  const described = transient("large").replace(
    "</name>",
    `</name><description>${"x".repeat(32 * 1024)}</description>`,
  );
  const { uuid } = await connection.createDomain(described);
  const round = async () => {
    for (let i = 0; i < 1000; i += 1) {
      await connection.domainXml(uuid, { inactive: false, secure: true });
      await connection.listDomains();
      await connection.findDomain("nosuch").catch(() => {});
    }
  };
  await round();
  const before = process.memoryUsage.rss();
  await round();
  const grown = process.memoryUsage.rss() - before;
  assert.ok(grown < 16 * 1024 * 1024, `grew by ${grown} bytes`);
  await connection.destroy(uuid);
});

/** What a process that runs `program` prints, on either stream, and how it ends. */
async function outcome(program: string): Promise<[output: string, status: number | string]> {
  const module = fileURLToPath(new URL("./libvirt-connection.ts", import.meta.url));
  const whole = `import { LibvirtConnection } from ${JSON.stringify(module)}; ${program}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", whole], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code, signal] = await once(child, "close");
  return [(await output).join(""), code ?? signal];
}

test("LibvirtConnection: an error that ends the process in the middle of a call is told", async () => {
  const [output, status] = await outcome(`
    const connection = await LibvirtConnection.open("test:///default");
    connection.listDomains();
    throw new Error("nobody catches it");
  `);
  assert.match(output, /Error: nobody catches it/);
  assert.equal(status, 1);
});

test("LibvirtConnection: the process ends by itself after close, and by process.exit while open", async () => {
  for (const [end, printed] of [
    ["await connection.close();", "closed\n"],
    ["process.exit();", ""],
  ] as const) {
    const program = `
      const connection = await LibvirtConnection.open("test:///default");
      await connection.watch();
      await connection.findDomain("nosuch").catch(() => {});
      process.exitCode = 3;
      ${end}
      console.log("closed");`;
    // Nothing on stderr either: libvirt keeps its errors to itself.
    assert.deepEqual(await outcome(program), [printed, 3], end);
  }
});

test("LibvirtConnection: process.exit at any moment of opening and calling ends well", async () => {
  for (const delay of [0, 40, 80, 120, 160, 240, 400]) {
    const program = `
      setTimeout(() => process.exit(3), ${delay});
      const connection = await LibvirtConnection.open("test:///default");
      await connection.watch();
      for (;;) await connection.listDomains();`;
    assert.deepEqual(await outcome(program), ["", 3], `after ${delay} ms`);
  }
});

test("LibvirtConnection.open: a libvirt that hangs can be given up and does not keep the process", async () => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-mute-"));
  const socket = join(directory, "libvirt-sock");
  // It takes connections and never answers, as a libvirtd that hangs does.
  const mute = createServer().listen(socket);
  try {
    await once(mute, "listening");
    for (const patience of [1, 1000]) {
      const program = `
        process.exitCode = 3;
        const uri = "qemu+unix:///system?socket=${socket}";
        await LibvirtConnection.open(uri, {}, AbortSignal.timeout(${patience}))
          .catch(({ code }) => console.log(code));
        process.on("exit", () => console.log("exits"));`;
      assert.deepEqual(await outcome(program), ["cancelled\nexits\n", 3], `${patience} ms`);
    }
  } finally {
    mute.close();
    await rm(directory, { recursive: true, force: true });
  }
});
