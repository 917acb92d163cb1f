import assert from "node:assert/strict";
import { test } from "node:test";
import { type BuiltSymbol, buildKallsyms, KALLSYMS_LAYOUTS } from "../../test/kallsyms-builder.ts";
import { Budget } from "../budget.ts";
import { parseKallsyms } from "./parse-kallsyms.ts";
import { SymbolTable } from "./symbol-table.ts";

const BASE = 0xffff_ffff_9ac0_0000n;
const AT = BASE + 0x1000n;

function symbols(zeroBased: boolean): BuiltSymbol[] {
  const perCpu = zeroBased ? 0n : BASE + 0x100_0000n;
  return [
    { name: "_text", type: "T", address: BASE },
    { name: "fixed_percpu_data", type: "A", address: perCpu },
    { name: "current_task", type: "A", address: perCpu + 0x1fb80n },
    { name: `long_${"x".repeat(400)}`, type: "t", address: BASE + 0x50_0000n },
    { name: "init_task", type: "D", address: BASE + 0x1a0_aa40n },
    ...Array.from({ length: 1200 }, (_, i) => ({
      name: i % 100 === 3 ? "__key.0" : `__x64_sys_function_${i}`,
      type: "t",
      address: BASE + 16n + BigInt(i) * 64n,
    })),
  ];
}

for (const layout of KALLSYMS_LAYOUTS) {
  const zeroBased = layout !== "6.15" && layout !== "7.x";

  test(`parseKallsyms: layout of ${layout}, every symbol back`, () => {
    const built = buildKallsyms(layout, symbols(zeroBased), AT, BASE);
    const padded = Buffer.concat([Buffer.alloc(4096, 0xa5), built.bytes, Buffer.alloc(4096)]);
    const blob = parseKallsyms(new Uint8Array(padded), 4096 + built.zero, 0x7000, new Budget());
    assert.ok(blob !== undefined);
    assert.equal(blob.count, built.symbols.length);
    const table = new SymbolTable(blob);
    const walked = [...table.walk()].map(({ name, type, offset, absolute }) => ({
      name,
      type,
      address: absolute ? BigInt(offset) : BASE + BigInt(offset),
    }));
    assert.deepEqual(walked, built.symbols);
  });

  test(`SymbolTable: finds by name and by address in the layout of ${layout}`, () => {
    const built = buildKallsyms(layout, symbols(zeroBased), AT, BASE);
    const blob = parseKallsyms(built.bytes, built.zero, 0, new Budget());
    assert.ok(blob !== undefined);
    const table = new SymbolTable(blob);
    assert.deepEqual(table.find("init_task"), { offset: 0x1a0_aa40, absolute: false });
    assert.equal(table.find("current_task")?.absolute, zeroBased);
    assert.equal(table.find("no_such"), undefined);
    assert.equal(table.find(""), undefined);
    assert.equal(table.findAll("__key.0").length, 12);
    assert.equal(table.find("__key.0")?.offset, 16 + 3 * 64);
    assert.deepEqual(table.at(0x1a0_aa45), { name: "init_task", type: "D", distance: 5 });
    assert.equal(table.at(-1), undefined);
  });
}

test("parseKallsyms: tables that do not agree are none", () => {
  const built = buildKallsyms("6.4", symbols(true), AT, BASE);
  const cut = built.bytes.slice(0, built.zero + 600);
  assert.equal(parseKallsyms(cut, built.zero, 0, new Budget()), undefined);
  const wrong = built.bytes.slice();
  wrong[8 + 300] = (wrong[8 + 300] ?? 0) + 1;
  for (let i = 0; i < 300; i += 1) wrong[8 + i] = 0x7f;
  assert.equal(parseKallsyms(wrong, built.zero, 0, new Budget()), undefined);
});
