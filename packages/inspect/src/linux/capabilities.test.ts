import assert from "node:assert/strict";
import { test } from "node:test";
import { capabilitySets, LAST_CAPABILITY } from "./capabilities.ts";

const capabilitySet = capabilitySets(LAST_CAPABILITY);

test("capabilitySets: names what capability(7) numbers", () => {
  assert.deepEqual(capabilitySet(0n), { mask: "0000000000000000", names: [] });
  assert.deepEqual(capabilitySet(0x1000n | (1n << 39n)), {
    mask: "0000008000001000",
    names: ["cap_net_admin", "cap_bpf"],
  });
  assert.deepEqual(capabilitySet(1n << 63n).names, ["cap_63"]);
});

test("capabilitySets: a full set is one word, whatever its spare bits are", () => {
  assert.equal(LAST_CAPABILITY, 40);
  for (const mask of [0x1ff_ffff_ffffn, 0xffff_ffff_ffff_ffffn]) {
    assert.deepEqual(capabilitySet(mask).names, ["all"]);
  }
  assert.equal(capabilitySet(0xff_ffff_ffffn).names.length, 40);
});
