import assert from "node:assert/strict";
import { SocketAddress } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { formatIpv4, formatIpv6 } from "./inet-address.ts";

test("formatIpv4: dotted decimal", () => {
  assert.equal(formatIpv4(Uint8Array.of(192, 0, 2, 1)), "192.0.2.1");
});

test("formatIpv6: the examples of RFC 5952", () => {
  const of = (...groups: readonly number[]) =>
    formatIpv6(Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));
  assert.equal(of(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), "2001:db8::1");
  assert.equal(of(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1), "2001:db8:0:1:1:1:1:1");
  assert.equal(of(0x2001, 0, 0, 1, 0, 0, 0, 1), "2001:0:0:1::1");
  assert.equal(of(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1), "2001:db8::1:0:0:1");
  assert.equal(of(0, 0, 0, 0, 0, 0, 0, 0), "::");
  assert.equal(of(0xfe80, 0, 0, 0, 0, 0, 0, 0), "fe80::");
  assert.equal(of(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x201), "::ffff:192.0.2.1");
});

test("formatIpv6: the system's own inet_ntop reads it back to the same text", () => {
  const address = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(fc.oneof(address, sparse.map(Uint8Array.from.bind(Uint8Array))), (bytes) => {
      // ::192.0.2.1, which RFC 4291 deprecates, is the one form where the two differ.
      fc.pre(bytes.subarray(0, 12).some((byte) => byte !== 0));
      const text = formatIpv6(bytes);
      assert.equal(new SocketAddress({ family: "ipv6", address: text }).address, text);
    }),
  );
});
