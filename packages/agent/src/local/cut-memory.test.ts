import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProcessSocketsRow } from "@casemate/inspect";
import { CutMemory } from "./cut-memory.ts";

type Endpoint = ProcessSocketsRow["endpoints"][number];
type Holder = Endpoint["heldBy"];

const port = (number: number, heldBy: Holder, protocol: "tcp" | "udp" = "tcp"): Endpoint => ({
  ...{ protocol, port: number, remote: null, remotePort: null, heldBy },
});
const connection = (number: number, heldBy: Holder): Endpoint => ({
  ...{ protocol: "tcp", port: number, remote: "192.0.2.1", remotePort: 443, heldBy },
});
const look = (...endpoints: readonly Endpoint[]) => ({ endpoints, elsewhere: false });
const opened = (number: number) => ({ port: number, remote: "192.0.2.1", remotePort: 443 });

test("CutMemory.next: what others have open passes, what the family has does not, and what nobody has neither", () => {
  const traffic = new CutMemory().next(
    look(
      ...[port(22, "others"), port(7001, "family"), port(68, "others", "udp")],
      ...[connection(40_000, "others"), connection(40_001, "family"), connection(40_002, "nobody")],
    ),
  );
  assert.deepEqual(traffic, {
    tcpPorts: [22],
    udpPorts: [68],
    open: [opened(40_000)],
    closed: [opened(40_001)],
  });
});

test("CutMemory.next: what was the family's stays closed in the hands of others, for as long as it is there", () => {
  const memory = new CutMemory();
  memory.next(look(connection(40_001, "family"), port(7001, "family")));
  const handedOn = look(connection(40_001, "others"), port(7001, "others"));
  for (let times = 0; times < 2; times += 1) {
    const { tcpPorts, open, closed } = memory.next(handedOn);
    assert.deepEqual([tcpPorts, open, closed], [[], [], [opened(40_001)]]);
  }
  memory.forgive();
  assert.deepEqual(memory.next(handedOn).tcpPorts, [7001]);
  memory.next(look(port(7001, "family")));
  memory.next(look());
  assert.deepEqual(memory.next(handedOn).tcpPorts, [7001]);
});

test("CutMemory.next: a connection of others goes on when nobody has it open, and no port does", () => {
  const memory = new CutMemory();
  memory.next(look(connection(40_000, "others"), port(80, "others")));
  const left = memory.next(look(connection(40_000, "nobody"), port(80, "nobody")));
  assert.deepEqual([left.open, left.tcpPorts], [[opened(40_000)], []]);
});

test("CutMemory.next: no port is open where a family is in a network namespace of its own", () => {
  const { tcpPorts, open } = new CutMemory().next({
    endpoints: [port(22, "others"), connection(22, "others")],
    elsewhere: true,
  });
  assert.deepEqual([tcpPorts, open], [[], [opened(22)]]);
});
