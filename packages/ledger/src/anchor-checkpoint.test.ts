import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { anchorCheckpoint } from "./anchor-checkpoint.ts";

const note = "log.test\n1\nroot\n\n\u2014 log.test sig\n";
const failed = { code: "ledger/anchor-failed" };

test("anchorCheckpoint: a command gets the note, and what it says is the receipt", async () => {
  assert.equal(await anchorCheckpoint(note, { kind: "command", argv: ["cat"] }), note);
  for (const argv of [["false"], ["/nonexistent/command"], ["sh", "-c", "kill -9 $$"]] as const) {
    await assert.rejects(anchorCheckpoint(note, { kind: "command", argv: [...argv] }), failed);
  }
  const noReader = await anchorCheckpoint("x".repeat(1_000_000), {
    kind: "command",
    argv: ["true"],
  });
  assert.equal(noReader, "");
});

test("anchorCheckpoint: a URL gets the note, and what it answers is the receipt", async (t) => {
  const server = createServer(async (request, response) => {
    const chunks = await Array.fromAsync(request);
    const status = request.url === "/taken" ? 201 : 500;
    response.writeHead(status).end(`seen ${Buffer.concat(chunks)}`);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const url = `http://127.0.0.1:${port}`;
  assert.equal(await anchorCheckpoint(note, { kind: "url", url: `${url}/taken` }), `seen ${note}`);
  await assert.rejects(anchorCheckpoint(note, { kind: "url", url }), failed);
  await assert.rejects(anchorCheckpoint(note, { kind: "url", url: "http://127.0.0.1:1" }), failed);
});

test("anchorCheckpoint: stops when told to", async () => {
  const anchor = { kind: "command", argv: ["sleep", "100"] } as const;
  const told = anchorCheckpoint(
    note,
    { ...anchor, argv: [...anchor.argv] },
    AbortSignal.timeout(50),
  );
  await assert.rejects(told, { name: "TimeoutError" });
});
