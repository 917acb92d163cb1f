import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { parseHostAddress, parseRamRuns } from "./qemu-layout.ts";

/** What QEMU 7.2 prints for q35 with 3 GiB after its firmware ran, shortened. */
const mtree = `FlatView #0
 AS "cpu-smm-0", root: memory
 Root memory region: memory
  0000000000000000-00000000000bffff (prio 0, ram): pc.ram

FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM
  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
  00000000000c0000-00000000000cafff (prio 0, rom): pc.ram @00000000000c0000 KVM
  00000000000cb000-00000000000fffff (prio 0, ram): pc.ram @00000000000cb000 KVM
  0000000000100000-000000007fffffff (prio 0, ram): pc.ram @0000000000100000 KVM
  00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram KVM
  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios KVM
  0000000100000000-000000013fffffff (prio 0, ram): pc.ram @0000000080000000 KVM
`;
const backends = new Set(["pc.ram"]);

test("parseRamRuns: RAM of the address space `memory`, joined where it goes on", () => {
  assert.deepEqual(parseRamRuns(mtree, backends), [
    { start: 0, end: 0xa0000, block: "pc.ram", offset: 0 },
    { start: 0xc0000, end: 0x80000000, block: "pc.ram", offset: 0xc0000 },
    { start: 0x100000000, end: 0x140000000, block: "pc.ram", offset: 0x80000000 },
  ]);
  assert.equal(parseRamRuns(mtree.replaceAll("\n", "\r\n"), backends).length, 3);
});

test("parseRamRuns: machine types before 4.0 name the block by its path", () => {
  const old = mtree.replaceAll("pc.ram", "/objects/ram0");
  assert.equal(parseRamRuns(old, new Set(["ram0"])).length, 3);
});

test("parseRamRuns: refuses what contradicts itself", () => {
  for (const wrong of [
    "",
    mtree.replace('AS "memory"', 'AS "other"'),
    mtree.replace("00000000000c0000-", "0000000000090000-"),
    mtree.replace("-000000013fffffff", "-000000013ffff000"),
    mtree.replace("@0000000080000000", "@ffffffffffffffff"),
    mtree.replace("0000000100000000-", "00000001ffff0000-"),
  ]) {
    assert.throws(() => parseRamRuns(wrong, backends), { code: "memory/unsupported" });
  }
  assert.throws(() => parseRamRuns(mtree, new Set()), { code: "memory/unsupported" });
});

test("parseRamRuns: any change of the text gives sorted, disjoint, whole pages or an error", () => {
  const change = fc.record({ at: fc.nat(mtree.length), text: fc.string({ maxLength: 20 }) });
  fc.assert(
    fc.property(change, ({ at, text }) => {
      const changed = mtree.slice(0, at) + text + mtree.slice(at + text.length);
      try {
        let last = 0;
        for (const { start, end, offset } of parseRamRuns(changed, backends)) {
          assert.ok(start >= last && end > start);
          assert.ok([start, end, offset].every((value) => value % 4096 === 0));
          last = end;
        }
      } catch (error) {
        assert.ok(error instanceof CasemateError, String(error));
      }
    }),
  );
});

test("parseHostAddress: the address, or an error with what QEMU said", () => {
  const text = "Host virtual address for 0x100000 (pc.ram) is 0x7fdd93f00000\r\n";
  assert.equal(parseHostAddress(text), 0x7fdd93f00000);
  assert.throws(
    () => parseHostAddress("No memory is mapped at address 0x0"),
    /No memory is mapped/,
  );
});
