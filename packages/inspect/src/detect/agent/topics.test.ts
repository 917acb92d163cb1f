import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { isAgentQuestion } from "./agent-question.ts";
import { fileAnswer, programAnswer } from "./answers.fixture.ts";
import { fileTopic } from "./file-topic.ts";
import { interfaceTopic } from "./interface-topic.ts";
import { moduleTopic } from "./module-topic.ts";
import { processTopic } from "./process-topic.ts";
import { socketTopic } from "./socket-topic.ts";
import type { AnyTopic, Recollection, Source } from "./topic.ts";

const shell = {
  name: "Process 7 (sh)",
  identity: "process 7 started at 1.00",
  traits: { name: "sh" },
  isShown: true,
  place: {},
};
const memory: Recollection = { subjects: new Map([["process 7", shell]]), isWhole: true };

/** The way of a topic that people know by these words. */
function source(topic: AnyTopic, via: string): Source {
  const found = topic.sources(memory).find((each) => each.via === via);
  assert.ok(found !== undefined);
  return found;
}

const stat = source(processTopic, "/proc/7/stat");
const listing = source(processTopic, "its list of /proc");
const modules = source(moduleTopic, "/proc/modules");
const tcp = source(socketTopic, "/proc/1/net/tcp");
const tcp6 = source(socketTopic, "/proc/1/net/tcp6");
const shadow = source(fileTopic, "/etc/shadow");
const interfaces = source(interfaceTopic, "its list of interfaces");

const said = {
  stat: fileAnswer([`7 (a) b (c)) S 1 7 7 0 -1 4194560 214 0 0 0 8 1 0 0 20 0 1 0 8499 2314240 3`]),
  listing: programAnswer(["1", "7", "acpi", "self"]),
  modules: fileAnswer([
    "virtio_net 73728 0 - Live 0xffffffffc040f000",
    "failover 16384 1 virtio_net, Live 0x0000000000000000 (OE)",
  ]),
  tcp: fileAnswer([
    "  sl  local_address rem_address   st",
    "   0: 0100007F:0016 0202000A:C3BA 01 00000000:00000000 02:0009 00000000  1000        0 10337 4 ffff 20",
    "   1: 0100007F:0016 0202000A:C3BB 06 00000000:00000000 03:0009 00000000     0        0 0 3 ffff",
  ]),
  tcp6: fileAnswer([
    "  sl  local_address rem_address   st",
    "   0: B80D0120000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8 1 ffff",
  ]),
  interfaces: JSON.stringify({
    return: [
      { name: "lo" },
      {
        name: "eth0",
        "hardware-address": "52:54:00:AB:CD:EF",
        "ip-addresses": [{ "ip-address-type": "ipv4", "ip-address": "192.0.2.7", prefix: 24 }],
      },
      {
        name: "eth0:1",
        "hardware-address": "52:54:00:AB:CD:EF",
        "ip-addresses": [{ "ip-address-type": "ipv4", "ip-address": "192.0.2.5", prefix: 24 }],
      },
    ],
  }),
};

test("topics: ask what agents may be asked, and nothing else is", () => {
  for (const topic of [processTopic, moduleTopic, socketTopic, interfaceTopic, fileTopic]) {
    for (const { question } of topic.sources(memory)) assert.ok(isAgentQuestion(question));
  }
  for (const path of [
    "/etc/machine-id",
    "/etc/../etc/shadow",
    "/proc/7/../../etc/shadow",
    "/proc/kcore",
    "/proc/7/mem",
  ]) {
    assert.ok(!isAgentQuestion({ ask: "file", path, bytes: 1 }), path);
  }
  for (const bytes of [0, -1, 0.5, 2 ** 40]) {
    assert.ok(!isAgentQuestion({ ask: "file", path: "/proc/modules", bytes }));
  }
});

test("processTopic: a name may hold what comes after it", () => {
  const { named, denies } = stat.parse(said.stat);
  const traits = { name: "a) b (c)", parent: "1", started: "8499" };
  assert.deepEqual([...named], [["process 7", traits]]);
  assert.ok(!denies("process 8"));
  assert.throws(() => source(processTopic, "/proc/7/stat").parse(said.modules), {
    code: "inspect/agent-answer",
  });
});

test("processTopic: what a list does not name it denies", () => {
  const { named, denies } = listing.parse(said.listing);
  assert.deepEqual([...named.keys()], ["process 1", "process 7"]);
  assert.ok(denies("process 8") && !denies("process 7"));
});

test("moduleTopic: an address that is kept from who asks is none", () => {
  const { named, denies } = modules.parse(said.modules);
  assert.deepEqual(
    [...named],
    [
      ["module virtio_net", { address: "0xffffffffc040f000" }],
      ["module failover", {}],
    ],
  );
  assert.ok(denies("module evil"));
});

test("topics: of a file that goes on nothing is denied, and its last line is no line", () => {
  const [first = "", half = ""] = ["a 1 0 - Live 0x1", "b 1 0"];
  const { named, denies } = modules.parse(fileAnswer([first, half], false));
  assert.deepEqual([...named.keys()], ["module a"]);
  assert.ok(!denies("module evil"));
});

test("socketTopic: both ends as numbers of the processor's, and what ends has no number", () => {
  const { named, denies } = tcp.parse(said.tcp);
  const traits = { local: "127.0.0.1:22", remote: "10.0.2.2:50106", uid: "1000" };
  assert.deepEqual([...named], [["tcp socket 10337", traits]]);
  assert.ok(denies("tcp socket 5") && !denies("tcp6 socket 5") && !denies("udp socket 5"));
  const six = { local: "[2001:db8::1]:80", remote: "[::]:0", uid: "0" };
  assert.deepEqual([...tcp6.parse(said.tcp6).named], [["tcp6 socket 8", six]]);
});

test("interfaceTopic: what an address is called belongs to its interface", () => {
  const { named } = interfaces.parse(said.interfaces);
  assert.deepEqual(
    [...named],
    [
      ["interface lo", { addresses: "none" }],
      ["interface eth0", { addresses: "192.0.2.5/24 192.0.2.7/24", mac: "52:54:00:ab:cd:ef" }],
    ],
  );
});

test("fileTopic: what a file holds is told by its digest alone", () => {
  const bytes = Buffer.from("root:$6$secret");
  const read = { count: bytes.length, "buf-b64": bytes.toString("base64"), eof: true };
  const { named } = shadow.parse(JSON.stringify({ return: read }));
  const contents = `SHA-256 ${hash("sha256", bytes)}`;
  assert.deepEqual([...named], [["file /etc/shadow", { size: "14", contents }]]);
});

test("topics: names and addresses that are too long to be shown are none", () => {
  const long = "x".repeat(300);
  const address = { "ip-address": "192.0.2.7", prefix: 24 };
  const device = { name: "eth0", "ip-addresses": Array(1_000).fill(address) };
  const unfit = { code: "inspect/agent-answer" };
  assert.throws(() => modules.parse(fileAnswer([`${long} 1 0 - Live 0x1`])), unfit);
  for (const each of [{ name: long }, { name: "a", "hardware-address": long }, device]) {
    assert.throws(() => interfaces.parse(JSON.stringify({ return: [each] })), unfit);
  }
});

test("topics: whatever an agent answers is a statement, or no answer", () => {
  const sources = { stat, listing, modules, tcp, tcp6, interfaces };
  const mutation = fc.record({
    topic: fc.constantFrom("stat", "listing", "modules", "tcp", "tcp6", "interfaces"),
    at: fc.nat({ max: 700 }),
    drop: fc.nat({ max: 20 }),
    put: fc.oneof(fc.string({ maxLength: 20 }), fc.json()),
    whole: fc.boolean(),
  });
  fc.assert(
    fc.property(mutation, ({ topic, at, drop, put, whole }) => {
      const text = said[topic];
      const changed = whole
        ? JSON.stringify({ return: JSON.parse(JSON.stringify({ put })).put })
        : text.slice(0, at) + put + text.slice(at + drop);
      try {
        const { named, denies } = sources[topic].parse(changed);
        for (const key of named.keys()) assert.ok(!denies(key));
      } catch (thrown) {
        assert.ok(thrown instanceof CasemateError);
        assert.equal(thrown.code, "inspect/agent-answer");
      }
    }),
    { numRuns: 2_000 },
  );
});
