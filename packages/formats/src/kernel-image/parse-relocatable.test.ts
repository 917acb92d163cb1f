import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { parseRelocatable } from "./parse-relocatable.ts";
import { buildRelocatable, builtObject } from "./relocatable.fixture.ts";

const file = buildRelocatable();

test("parseRelocatable: sections, symbols and relocations", () => {
  const { sections, symbol, relocations } = parseRelocatable(file);
  assert.deepEqual(
    sections.map(({ name, size, align }) => [name, size, align]),
    [
      ["", 0, 1],
      [".text", 6, 16],
      [".rela.text", 24, 1],
      [".bss", 32, 32],
      [".symtab", 72, 1],
      [".strtab", 9, 1],
      [".shstrtab", 49, 1],
    ],
  );
  assert.deepEqual(sections[1]?.bytes, builtObject.text);
  assert.deepEqual([...relocations(1)], [builtObject.relocation]);
  assert.deepEqual([...relocations(3)], []);
  assert.deepEqual(symbol(1), { name: "f", section: 1, value: 0 });
  assert.deepEqual(symbol(2), { name: "other", section: 0, value: 0 });
});

test("parseRelocatable: refuses other files, and symbols that are not there", () => {
  for (const other of [Buffer.alloc(0), Buffer.alloc(64), file.subarray(0, 200)]) {
    assert.throws(() => parseRelocatable(other), { code: "disk/unsupported" });
  }
  assert.throws(() => parseRelocatable(file).symbol(3), { code: "disk/unsupported" });
});

test("parseRelocatable: any bytes give an object or an error of the catalogue", () => {
  const edits = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 12 });
  fc.assert(
    fc.property(edits, (changes) => {
      const bytes = Buffer.from(file);
      for (const [at, value] of changes) bytes[at] = value;
      try {
        const { sections, symbol, relocations } = parseRelocatable(bytes);
        for (const i of sections.keys()) for (const one of relocations(i)) symbol(one.symbol);
      } catch (error) {
        assert.ok(error instanceof CasemateError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
