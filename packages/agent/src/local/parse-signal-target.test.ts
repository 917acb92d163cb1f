import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSignalTarget } from "./parse-signal-target.ts";

const place = { kind: "list", node: "0xffff888000001000", head: "0xffffffff82000000" };
const guard = { address: "0xffff888000001008", mask: "0xffffffff", value: "0x2db" };
const path = {
  before: "0xffffffff81000000",
  send: "0xffffffff81000100",
  to: "0xffff888000001000",
  ...{ identity: [guard], idle: [guard], mend: [place] },
};
const row = {
  ...{ pid: 731, started: "1084.55", ppid: 1, uid: 0, name: "miner", executable: null },
  ...{ states: ["S"], kernelThread: false, hiddenFrom: ["the list of tasks"] },
  ...{ task: "0xffff888000001000", path, obstacle: null },
};

test("parseSignalTarget: only what ends is put on its lists before", () => {
  const { process, callFor } = parseSignalTarget(row);
  assert.deepEqual([process.brokenLinks, process.obstacle], [1, null]);
  assert.deepEqual(callFor("kill")?.mend.length, 1);
  assert.deepEqual(callFor("kill")?.arguments, [9n, 0xffff_8880_0000_1000n, 1n]);
  assert.deepEqual([callFor("freeze")?.mend, callFor("freeze")?.idle], [[], []]);
});

test("parseSignalTarget: without a way there is no call, and why", () => {
  const { process, callFor } = parseSignalTarget({ ...row, path: null, obstacle: "it has ended" });
  assert.equal(process.obstacle, "it has ended");
  assert.equal(callFor("kill"), undefined);
});

test("parseSignalTarget: malformed: anything else is refused", () => {
  const wrong = [
    undefined,
    { ...row, pid: "731" },
    { ...row, states: "S" },
    { ...row, path: { ...path, send: "0x1000" } },
    { ...row, path: { ...path, to: "ffff888000001000" } },
    { ...row, path: { ...path, mend: [{ ...place, kind: "tree" }] } },
    { ...row, path: { ...path, identity: Array.from({ length: 33 }, () => guard) } },
  ];
  for (const each of wrong) {
    assert.throws(() => parseSignalTarget(each), { code: "inspect/crashed" });
  }
  const keys = fc.constantFrom(...Object.keys(row), ...Object.keys(path));
  const values = fc.oneof(fc.jsonValue(), fc.constant("0xffff888000001000"));
  fc.assert(
    fc.property(keys, values, (key, value) => {
      const changed =
        key in row ? { ...row, [key]: value } : { ...row, path: { ...path, [key]: value } };
      try {
        parseSignalTarget(changed as Parameters<typeof parseSignalTarget>[0]); // whatever it is
      } catch (thrown) {
        assert.equal((thrown as { code?: unknown }).code, "inspect/crashed"); // an object with a code, or it fails here
      }
    }),
  );
});
