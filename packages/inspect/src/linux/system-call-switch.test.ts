import assert from "node:assert/strict";
import { test } from "node:test";
import { gva } from "@casemate/core";
import { SystemCallSwitch } from "./system-call-switch.ts";

const AT = gva(0xffff_ffff_8100_0000n);

function switchOf(...hex: readonly string[]): SystemCallSwitch {
  return new SystemCallSwitch(AT, Buffer.from(hex.join("").replaceAll(" ", ""), "hex"));
}

/** Where a number goes, and from where, counted from the start of the function. */
function follow(code: SystemCallSwitch, number: number): readonly number[] | undefined {
  const found = code.follow(number);
  return found === undefined ? undefined : [Number(found.target - AT), Number(found.from - AT)];
}

test("SystemCallSwitch.follow: compares, branches and jumps out of the function", () => {
  const code = switchOf(
    "0f 1f 44 00 00", //          0: nop, where a tracer may be called
    "83 fe 02", //                5: cmp $2, %esi
    "0f 84 f2 0f 00 00", //       8: je 0x1000
    "77 05", //                  14: ja 21
    "e9 eb 1f 00 00", //         16: jmp 0x2000
    "83 ee 05", //               21: sub $5, %esi
    "75 05", //                  24: jne 31
    "e8 e1 2f 00 00", //         26: call 0x3000
    "e9 dc 3f 00 00", //         31: jmp 0x4000
  );
  assert.deepEqual(follow(code, 2), [0x1000, 8]);
  assert.deepEqual(follow(code, 1), [0x2000, 16]);
  assert.deepEqual(follow(code, 5), [0x3000, 26]);
  assert.deepEqual(follow(code, 3), [0x4000, 31]);
});

test("SystemCallSwitch.follow: passes by the call of a tracer at the start", () => {
  const code = switchOf("f3 0f 1e fa", "e8 f7 0f 00 00", "e9 f2 1f 00 00");
  assert.deepEqual(follow(code, 0), [0x2000, 9]);
});

test("SystemCallSwitch.follow: gives up at what no compiler puts there", () => {
  for (const code of ["cc", "ff e0", "0f 0b", "e9 00", ""]) {
    assert.equal(switchOf(code).follow(1), undefined, code);
  }
});

test("SystemCallSwitch.follow: ends where the guest makes a circle", () => {
  assert.equal(switchOf("eb fe", "90".repeat(16)).follow(1), undefined);
});
