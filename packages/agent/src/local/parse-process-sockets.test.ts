import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProcessSockets } from "./parse-process-sockets.ts";

const endpoint = { protocol: "tcp", port: 22, remote: null, remotePort: null, heldBy: "others" };
const row = {
  families: [{ members: ["731@10.00"], groups: ["0xffff888000000000"] }],
  ...{ uptime: "20.00", raw: 0, elsewhere: false, viaKernel: false, endpoints: [endpoint] },
};

test("parseProcessSockets: takes a row as the view makes it", () => {
  assert.deepEqual(parseProcessSockets(row), row);
  const connected = { ...endpoint, remote: "2001:db8::1", remotePort: 443 };
  const { endpoints } = parseProcessSockets({ ...row, endpoints: [connected] });
  assert.deepEqual(endpoints, [connected]);
});

test("parseProcessSockets: what an inspector in a guest's hands may say instead is refused", () => {
  for (const wrong of [
    { endpoints: [{ ...endpoint, port: 65_536 }] },
    { endpoints: [{ ...endpoint, port: 1.5 }] },
    { endpoints: [{ ...endpoint, remote: "192.0.2.1; drop", remotePort: 1 }] },
    { endpoints: [{ ...endpoint, remote: "192.0.2.1", remotePort: null }] },
    { endpoints: [{ ...endpoint, heldBy: "me" }] },
    { endpoints: [{ ...endpoint, protocol: "icmp" }] },
    { endpoints: [null] },
    { endpoints: "all" },
    { families: [{ members: ["731"], groups: [] }] },
    { families: [{ members: [], groups: ["elsewhere"] }] },
    { uptime: "soon" },
  ]) {
    assert.throws(() => parseProcessSockets({ ...row, ...wrong }), { code: "inspect/crashed" });
  }
  assert.throws(() => parseProcessSockets(undefined), { code: "inspect/crashed" });
  // What is not said counts as what lets less pass.
  assert.equal(parseProcessSockets({ ...row, elsewhere: "" }).elsewhere, true);
});
