import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { ByteMemory } from "../test/byte-memory.ts";
import { type BuiltGuest, buildGuest } from "../test/guest-builder.ts";
import { KALLSYMS_LAYOUTS } from "../test/kallsyms-builder.ts";
import { attach } from "./kernel/attach.ts";
import { ProfileCache } from "./kernel/profile-cache.ts";
import { kernel } from "./views/kernel.ts";
import { processes } from "./views/processes.ts";

const LIMITS = { milliseconds: 500, steps: 50_000 };
const RUNS = 40;
const TIMEOUT = 60_000;

/** Looks as deep as views do; anything that is thrown must be an error for people. */
function look(bytes: Uint8Array<ArrayBuffer>, live: boolean, profiles?: ProfileCache): boolean {
  try {
    const memory = new ByteMemory(bytes, { live });
    const grant = attach(memory, {
      budget: { milliseconds: 2_000 },
      ...(profiles === undefined ? {} : { profiles }),
    }).grant("kernelMetadata");
    grant.read(processes, LIMITS);
    grant.read(kernel, LIMITS);
    return true;
  } catch (thrown) {
    assert.ok(thrown instanceof CasemateError, String(thrown));
    assert.notEqual(thrown.code, "internal", String(thrown.cause));
    return false;
  }
}

/** The regions where a change matters, and words that have broken parsers before. */
function mutations(guest: BuiltGuest) {
  const regions = [
    [guest.root, guest.root + 4096],
    [10 * 1024 * 1024, 10 * 1024 * 1024 + 4 * 4096],
    [guest.btfAt, guest.btfAt + 2048],
    [guest.kallsymsAt, guest.kallsymsAt + 32 * 1024],
    [guest.tasks[1] ?? 0, (guest.tasks[1] ?? 0) + 4096],
    [4 * 1024 * 1024 + 0x39_0000, 4 * 1024 * 1024 + 0x3a_1000],
    [0, guest.memory.bytes.length - 8],
  ] as const;
  const at = fc.oneof(...regions.map(([min, max]) => fc.integer({ min, max })));
  const value = fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.constantFrom(
      0n,
      0xffff_ffff_ffff_ffffn,
      0x8000_0000_0000_0000n,
      0x7fff_ffff_7fff_ffffn,
      guest.directBase,
      guest.textBase,
      guest.directBase + BigInt(guest.tasks[1] ?? 0),
      BigInt(guest.root | 3),
    ),
  );
  return fc.array(fc.tuple(at, value), { minLength: 1, maxLength: 24 });
}

for (const layout of KALLSYMS_LAYOUTS) {
  test(`malformed: words changed in a guest with kallsyms of ${layout}`, {
    timeout: TIMEOUT,
  }, () => {
    const guest = buildGuest({ layout, levels: layout === "5.10" ? 4 : 5 });
    assert.equal(look(guest.memory.bytes.slice(), false), true);
    fc.assert(
      fc.property(mutations(guest), fc.boolean(), (changes, live) => {
        const bytes = guest.memory.bytes.slice();
        const view = new DataView(bytes.buffer);
        for (const [at, value] of changes) view.setBigUint64(at, value, true);
        look(bytes, live);
      }),
      { numRuns: RUNS },
    );
  });
}

test("malformed: structures changed in a guest whose build is known", { timeout: TIMEOUT }, () => {
  const guest = buildGuest();
  const profiles = new ProfileCache();
  assert.equal(look(guest.memory.bytes, false, profiles), true);
  const [from = 0] = guest.tasks.slice(1);
  const pointers = fc.constantFrom(
    guest.textBase + 0x3a_0000n,
    ...guest.tasks.slice(1).map((task) => guest.directBase + BigInt(task)),
    ...guest.tasks.slice(1).map((task) => guest.directBase + BigInt(task) + 24n),
  );
  const change = fc.tuple(fc.integer({ min: from, max: from + 3072 }), pointers);
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
      const bytes = guest.memory.bytes.slice();
      const view = new DataView(bytes.buffer);
      for (const [at, value] of changes) view.setBigUint64(at & ~7, value, true);
      look(bytes, false, profiles);
    }),
    { numRuns: 150 },
  );
});

test("malformed: pages of noise and pages moved", { timeout: TIMEOUT }, () => {
  const guest = buildGuest({ layout: "7.x" });
  const pages = guest.memory.bytes.length / 4096;
  const page = fc.integer({ min: 0, max: pages - 1 });
  const noise = fc.uint8Array({ minLength: 4096, maxLength: 4096 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(page, page), { maxLength: 64 }),
      page,
      noise,
      (moves, at, bytes) => {
        const mutated = guest.memory.bytes.slice();
        for (const [from, to] of moves) {
          mutated.copyWithin(to * 4096, from * 4096, (from + 1) * 4096);
        }
        mutated.set(bytes, at * 4096);
        look(mutated, false);
      },
    ),
    { numRuns: RUNS },
  );
});

test("malformed: memory cut short", { timeout: TIMEOUT }, () => {
  const guest = buildGuest();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: guest.memory.bytes.length / 4096 }), (pages) => {
      look(guest.memory.bytes.slice(0, pages * 4096), false);
    }),
    { numRuns: RUNS },
  );
});
