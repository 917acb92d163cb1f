import assert from "node:assert/strict";
import { test } from "node:test";
import { hashName } from "./hash-name.ts";

test("hashName: a name has one hash, wherever it lies", () => {
  const names = Buffer.from("\0kvm_init\0vm_list\0");
  assert.equal(hashName(names, 10, 512), hashName(Buffer.from("vm_list\0"), 0, 512));
  assert.notEqual(hashName(names, 10, 512), hashName(names, 1, 512));
});

test("hashName: of names that nothing ends no more is read than the limit", () => {
  let reads = 0;
  const endless = new Proxy(new Uint8Array(100_000).fill(65), {
    get(bytes, key) {
      reads += typeof key === "string" && /^\d+$/.test(key) ? 1 : 0;
      return Reflect.get(bytes, key, bytes);
    },
  });
  hashName(endless, 7, 512);
  assert.equal(reads, 512);
});
