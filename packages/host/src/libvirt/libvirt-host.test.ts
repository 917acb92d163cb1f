import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import { LibvirtHost, type LibvirtHostEvent } from "./libvirt-host.ts";

// libvirt's own test driver: the real library, no daemon, one running VM called `test`.
const uri = "test:///default";

test("LibvirtHost: connects, says which VMs are there, passes their events on, and stops", async () => {
  const host = new LibvirtHost(uri);
  assert.equal(host.state.kind, "idle");
  const events = host.events();
  await host.start();
  assert.equal(host.state.kind, "connected");
  const { uuid } = await host.withConnection((connection) => connection.findDomain("test"));
  await host.withConnection((connection) => connection.suspend(uuid));

  const seen: LibvirtHostEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (event.kind === "lifecycle") break;
  }
  assert.deepEqual(
    seen.map(({ kind }) => kind),
    ["connected", "inventory", "lifecycle"],
  );
  assert.deepEqual(
    seen.flatMap((event) => (event.kind === "inventory" ? event.domains : [])).map((d) => d.name),
    ["test"],
  );

  const later = host.events();
  await host[Symbol.asyncDispose]();
  assert.equal(host.state.kind, "stopped");
  assert.deepEqual(await later.next(), { done: true, value: undefined });
});

test("LibvirtHost: a host that is not there is disconnected with its cause, and tried again", async () => {
  await using host = new LibvirtHost("qemu+unix:///system?socket=/nonexistent/libvirt-sock");
  using events = host.events();
  await host.start();
  assert.equal(host.state.kind, "disconnected");
  await assert.rejects(
    host.withConnection((connection) => connection.listDomains()),
    (error) =>
      error instanceof CasemateError &&
      error.code === "libvirt/unreachable" &&
      error.cause instanceof CasemateError,
  );
  let attempts = 0;
  for await (const { kind } of events) {
    assert.equal(kind, "disconnected");
    attempts += 1;
    if (attempts === 2) break;
  }
});

test("LibvirtHost.start: ends with its signal", async () => {
  const abort = new AbortController();
  const host = new LibvirtHost(uri);
  const events = host.events();
  await host.start(abort.signal);
  abort.abort();
  for await (const event of events) assert.notEqual(event.kind, "disconnected");
  assert.equal(host.state.kind, "stopped");
});
