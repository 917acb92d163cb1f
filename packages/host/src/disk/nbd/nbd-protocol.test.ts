import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { test } from "node:test";
import type { BlockReader } from "@casemate/formats/disk";
import { FileExport } from "./file-export.ts";
import { NbdClient } from "./nbd-client.ts";
import { packet } from "./packet.fixture.ts";
import { pollUntil, SocketChannel, type Wait } from "./socket-channel.ts";
import { openStreamPair } from "./socket-pairs.ts";

const file: BlockReader = {
  size: 10_000,
  read(offset, target) {
    for (let i = 0; i < target.length; i += 1) target[i] = (offset + i) % 251;
  },
};
/** What is awaited is there already, or never comes. */
const atOnce: Wait = (fd, events) => void pollUntil([[fd, events]], performance.now() + 50);

const greeting = packet("NBDMAGICIHAVEOPT", [2, 3]);
const reply = (type: number, data = "", length = data.length) =>
  packet([8, 0x3e889045565a9n], [4, 7], [4, type], [4, length], data);
const size = (bytes: bigint) => reply(3, packet([2, 0], [8, bytes], [2, 3]).toString("latin1"));
const ack = reply(1);

/** Both ends of a connection; what is `said` by the other side is there before it is asked. */
function connect(...said: readonly Buffer[]) {
  const { ours, theirs } = openStreamPair();
  const there = new SocketChannel(theirs);
  there.send(Buffer.concat(said), atOnce);
  const close = () => [ours, theirs].forEach(closeSync);
  return { here: new SocketChannel(ours), there, [Symbol.dispose]: close };
}

test("NbdClient: answers that no server gives", () => {
  const cases = {
    "another protocol": [Buffer.alloc(18, "SSH-2.0-")],
    oldstyle: [packet("NBDMAGIC", [8, 0x00420281861253n], [2, 0])],
    nothing: [],
    "half a greeting": [greeting.subarray(0, 9)],
    "no size": [greeting, ack],
    "a size beyond all": [greeting, size(2n ** 63n), ack],
    "a reply of 4 GiB": [greeting, reply(3, "", 0xffff_ffff)],
    "informations without end": [greeting, ...Array.from({ length: 40 }, () => size(512n))],
    "an error": [greeting, reply(0x8000_0006, "unknown export")],
    "a reply to another option": [greeting, packet([8, 0x3e889045565a9n], [4, 3], [4, 1], [4, 0])],
  } as const;
  for (const [name, said] of Object.entries(cases)) {
    using pair = connect(...said);
    const shake = () => new NbdClient(pair.here, "disk", atOnce);
    assert.throws(shake, { code: "disk/unreadable" }, name);
  }
});

test("NbdClient: replies to reads that are none, of errors, of another, cut off", () => {
  const header = (error: number, cookie: number) =>
    packet([4, 0x67446698], [4, error], [8, cookie]);
  const cases = [
    ["disk/unreadable", Buffer.alloc(16, 0xff)],
    ["disk/unreadable", header(0, 2)],
    ["disk/damaged", header(5, 1)],
    ["disk/unreadable", Buffer.concat([header(0, 1), Buffer.alloc(99)])],
  ] as const;
  for (const [code, said] of cases) {
    using pair = connect(greeting, size(512n), ack, said);
    const client = new NbdClient(pair.here, "disk", atOnce);
    assert.equal(client.size, 512);
    assert.throws(() => client.read(0, Buffer.alloc(100)), { code });
    for (const at of [-1, 500, 0.5, Number.NaN]) {
      assert.throws(() => client.read(at, Buffer.alloc(100)), { code: "disk/truncated" });
    }
  }
});

const request = (command: number, offset: bigint, length: number) =>
  packet([4, 0x25609513], [2, 0], [2, command], [8, 77], [8, offset], [4, length]);
const option = (number: number, data = "", length = data.length) =>
  packet("IHAVEOPT", [4, number], [4, length], data);

test("FileExport: gives what it has, and nothing to those that ask for more", () => {
  using pair = connect(packet([4, 3]), option(8), option(7, "\0\0\0\0\0\0"));
  const { here, there } = pair;
  const served = new FileExport(here, file, atOnce);
  for (let messages = 0; messages < 3; messages += 1) served.serve();
  const greeted = Buffer.alloc(18 + 20 + 32 + 34 + 20);
  there.receive(greeted, atOnce);
  assert.equal(greeted.readUInt32BE(18 + 12), 0x8000_0001); // structured replies: unsupported
  const ask = (command: number, offset: bigint, length: number) => {
    there.send(request(command, offset, length), atOnce);
    served.serve();
    const answer = Buffer.alloc(16);
    there.receive(answer, atOnce);
    assert.equal(answer.readBigUInt64BE(8), 77n);
    return answer.readUInt32BE(4);
  };
  assert.equal(ask(0, 9_990n, 10), 0);
  const data = Buffer.alloc(10);
  there.receive(data, atOnce);
  assert.equal(data[0], 9_990 % 251);
  assert.equal(ask(0, 9_990n, 11), 22);
  assert.equal(ask(0, 2n ** 64n - 5n, 10), 22);
  assert.equal(ask(0, 0n, 0xffff_ffff), 22);
  assert.equal(ask(4, 0n, 10), 22); // trim
});

test("FileExport: messages that no client sends", () => {
  const cases = [
    [packet([4, 0xffff])],
    [packet([4, 3]), option(7, "", 0xffff_ffff)],
    [packet([4, 3]), Buffer.alloc(16)],
    [packet([4, 3]), option(7, "\0\0\0\0\0\0"), Buffer.alloc(28)],
    [packet([4, 3]), option(7, "\0\0\0\0\0\0"), request(0, 0n, 1).subarray(0, 5)],
  ];
  for (const said of cases) {
    using pair = connect(...said);
    const served = new FileExport(pair.here, file, atOnce);
    const serve = () => {
      for (const _ of said) served.serve();
    };
    assert.throws(serve, { code: "disk/unreadable" });
  }
});
