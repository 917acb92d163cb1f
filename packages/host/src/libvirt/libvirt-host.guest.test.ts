import assert from "node:assert/strict";
import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CasemateError } from "@casemate/core";
import { PrivateLibvirtd } from "../../test/private-libvirtd.ts";
import { LibvirtConnection } from "./libvirt-connection.ts";
import { LibvirtHost, type LibvirtHostEvent } from "./libvirt-host.ts";

/** A VM with nothing in it: it stays in its firmware and needs no disk. */
const domainXml = (name: string) => `
  <domain type="qemu">
    <name>${name}</name>
    <memory unit="MiB">32</memory>
    <os><type arch="x86_64" machine="pc">hvm</type></os>
  </domain>`;

let libvirtd: PrivateLibvirtd;
let scratch: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-libvirt-test-"));
  libvirtd = await PrivateLibvirtd.start();
});

after(async () => {
  await libvirtd[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

const is = (code: string) => (error: unknown) =>
  error instanceof CasemateError && error.code === code;

/** The next event that `wanted` takes; the ones before it are passed over. */
async function next<T extends LibvirtHostEvent, S extends T>(
  events: AsyncIterableIterator<T>,
  wanted: (event: T) => event is S,
): Promise<S> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error("the events ended");
    if (wanted(value)) return value;
  }
}

const kind =
  <T extends LibvirtHostEvent, K extends T["kind"]>(wanted: K) =>
  (event: T): event is T & { readonly kind: K } =>
    event.kind === wanted;

/** The process whose command line holds the UUID, seen from outside the VM's namespaces. */
async function qemuPid(uuid: string): Promise<string> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  for (const pid of pids) {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.startsWith("/usr/bin/qemu") && line.includes(uuid)) return pid;
  }
  throw new Error(`no QEMU of VM ${uuid}`);
}

test("LibvirtConnection: a QEMU VM's life, each step seen as an event", async () => {
  await using connection = await LibvirtConnection.open(libvirtd.uri);
  assert.equal(connection.info.hypervisor, "QEMU");
  using events = await connection.watch();
  const { uuid } = await connection.defineDomain(domainXml("life"), ["validate"]);
  await connection.start(uuid);
  await connection.suspend(uuid);
  await connection.resume(uuid);
  await connection.managedSave(uuid);
  assert.equal((await connection.findDomain(uuid)).managedSave, true);
  await connection.start(uuid);
  await connection.destroy(uuid);
  await connection.undefine(uuid);
  const seen: string[] = [];
  for await (const event of events) {
    assert.deepEqual([event.uuid, event.name], [uuid, "life"]);
    if (event.kind === "lifecycle") seen.push(`${event.event} ${event.detail}`);
    if (seen.at(-1) === "undefined removed") break;
  }
  // In this order; what QEMU's own start and end add between them differs between versions.
  const expected = [
    "defined added",
    "started booted",
    "suspended paused",
    "resumed unpaused",
    "stopped saved",
    "started restored",
    "stopped destroyed",
    "undefined removed",
  ];
  let met = 0;
  for (const event of seen) if (event === expected[met]) met += 1;
  assert.equal(met, expected.length, seen.join(", "));
});

test("LibvirtConnection: QEMU's monitors answer, refuse in their own words, and leave no memory", async () => {
  await using connection = await LibvirtConnection.open(libvirtd.uri);
  const { uuid } = await connection.createDomain(domainXml("monitor"), ["paused"]);
  const status = await connection.qmp(uuid, { execute: "query-status" });
  assert.deepEqual(status, { status: "prelaunch", singlestep: false, running: false });
  assert.match(await connection.hmp(uuid, "info version"), /^\d+\.\d+/);
  await assert.rejects(connection.qmp(uuid, { execute: "nosuch" }), (error) => {
    assert.ok(is("libvirt/failed")(error));
    assert.match(String(error), /CommandNotFound "The command nosuch has not been found"/);
    return true;
  });
  const round = async () => {
    for (let i = 0; i < 500; i += 1) await connection.qmp(uuid, { execute: "query-commands" });
  };
  await round();
  const rss = process.memoryUsage.rss();
  await round();
  // The answers of one round are 8 MiB and more.
  assert.ok(process.memoryUsage.rss() - rss < 4 * 1024 * 1024);
  await connection.destroy(uuid);
  await assert.rejects(connection.qmp(uuid, { execute: "query-status" }), is("vm/unknown"));
});

test("LibvirtConnection: devices come and go, memory is dumped", async () => {
  await using connection = await LibvirtConnection.open(libvirtd.uri);
  using events = await connection.watch();
  const { uuid } = await connection.createDomain(domainXml("devices"), ["paused"]);
  const image = join(scratch, "disk.raw");
  await writeFile(image, "");
  await truncate(image, 1024 * 1024);
  const disk = `<disk type="file" device="disk"><source file="${image}"/><target dev="sda" bus="usb"/></disk>`;
  await connection.attachDevice(uuid, disk, ["live"]);
  assert.match(await connection.domainXml(uuid, { inactive: false, secure: false }), /disk\.raw/);
  await connection.detachDevice(uuid, disk, ["live"]);
  const removed = await next(events, kind("device-removed"));
  assert.equal(removed.device, "usb-disk0");

  const dump = join(scratch, "memory.elf");
  await connection.coreDump(uuid, dump, "raw", ["memoryOnly", "live"]);
  await using file = await open(dump);
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  assert.equal(buffer.toString("latin1"), "\x7fELF");
  await connection.destroy(uuid);
});

test("LibvirtHost: libvirtd killed and started again: reconnects, lists anew, the VM runs on", async () => {
  await using host = new LibvirtHost(libvirtd.uri);
  using events = host.events();
  await host.start();
  assert.equal(host.state.kind, "connected");
  const { uuid } = await host.withConnection((connection) =>
    connection.createDomain(domainXml("survivor")),
  );
  const pid = await qemuPid(uuid);

  await libvirtd.order("kill");
  const { cause } = await next(events, kind("disconnected"));
  assert.equal(cause.code, "libvirt/unreachable");
  await assert.rejects(
    host.withConnection((connection) => connection.listDomains()),
    is("libvirt/unreachable"),
  );

  await libvirtd.order("start");
  await next(events, kind("connected"));
  const { domains } = await next(events, kind("inventory"));
  assert.deepEqual(
    domains.map(({ name, state }) => [name, state]),
    [["survivor", "running"]],
  );
  assert.equal(await qemuPid(uuid), pid);

  // The events are there again too.
  await host.withConnection((connection) => connection.destroy(uuid));
  const stopped = await next(
    events,
    (event): event is Extract<LibvirtHostEvent, { kind: "lifecycle" }> =>
      event.kind === "lifecycle" && event.event === "stopped",
  );
  assert.deepEqual([stopped.uuid, stopped.detail], [uuid, "destroyed"]);
});

test("LibvirtHost: a libvirtd that hangs is found out by keepalive and taken back when it answers", async () => {
  await using host = new LibvirtHost(libvirtd.uri, { keepAlive: { interval: 1, count: 1 } });
  using events = host.events();
  await host.start();
  await libvirtd.order("freeze");
  try {
    await next(events, kind("disconnected"));
  } finally {
    await libvirtd.order("thaw");
  }
  await next(events, kind("inventory"));
  assert.equal(host.state.kind, "connected");
});

test("LibvirtConnection: what is under way when libvirtd dies fails as unreachable, and closing works", async () => {
  const connection = await LibvirtConnection.open(libvirtd.uri);
  const events = await connection.watch();
  await libvirtd.order("freeze");
  const listing = connection.listDomains();
  const refused = assert.rejects(listing, is("libvirt/unreachable"));
  await libvirtd.order("kill");
  await refused;
  await assert.rejects(events.next(), is("libvirt/unreachable"));
  assert.equal(connection.lost.aborted, true);
  await connection.close();
  await libvirtd.order("start");
  await libvirtd.answering();
});

test("LibvirtConnection.listDomains: a read-only connection lists and cannot change", async () => {
  await using admin = await LibvirtConnection.open(libvirtd.uri);
  const { uuid } = await admin.createDomain(domainXml("foreign"), ["paused"]);
  await using connection = await LibvirtConnection.open(libvirtd.readOnlyUri, { readOnly: true });
  const [domain] = await connection.listDomains();
  assert.deepEqual([domain?.uuid, domain?.state], [uuid, "paused"]);
  await assert.rejects(connection.destroy(uuid), is("libvirt/not-permitted"));
  await assert.rejects(
    connection.qmp(uuid, { execute: "query-status" }),
    is("libvirt/not-permitted"),
  );
  await admin.destroy(uuid);
});
