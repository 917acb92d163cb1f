import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseBuildId } from "./parse-build-id.ts";

const XEN = "04000000060000000600000058656e006c696e7578000000";
const GNU = "040000001400000003000000474e55003b43fad5034874490492495d552c0af6a5fab235";

test("parseBuildId: finds the GNU note among others", () => {
  assert.equal(
    parseBuildId(Buffer.from(XEN + GNU, "hex")),
    "3b43fad5034874490492495d552c0af6a5fab235",
  );
  assert.equal(parseBuildId(Buffer.from(XEN, "hex")), undefined);
  assert.equal(parseBuildId(Buffer.from(GNU, "hex").subarray(0, 30)), undefined);
});

test("parseBuildId: any bytes give an answer", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (notes) => void parseBuildId(notes)));
});
