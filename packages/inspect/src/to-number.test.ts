import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { highHalf, lowHalf, toNumber, toSignedNumber } from "./to-number.ts";

test("toNumber and its like: what Number makes of 64 bits", () => {
  const values = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), fc.constant(0n));
  fc.assert(
    fc.property(values, (value) => {
      assert.equal(toNumber(value), Number(BigInt.asUintN(64, value)));
      assert.equal(toSignedNumber(value), Number(BigInt.asIntN(64, value)));
      assert.equal(lowHalf(value), Number(BigInt.asUintN(32, value)));
      assert.equal(highHalf(value), Number(BigInt.asUintN(32, value >> 32n)));
    }),
  );
});
