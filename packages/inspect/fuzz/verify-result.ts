import assert from "node:assert/strict";
import type { ViewResult } from "../src/index.ts";

/** What the agent takes of its inspector (`inspector/messages.ts` there): more is refused, and the view is lost. */
const LIMITS = { items: 1_000_000, damaged: 1_000, keys: 64, text: 64 * 1024, depth: 4 };

/**
 * Whether a view has all its rows or tells of damage. Throws unless both are what it may give: JSON's own
 * values, well-formed text, sizes that others take.
 */
export function verifyResult({ items, damaged }: ViewResult<object>): "rows" | "damaged" {
  assert.ok(items.length <= LIMITS.items, `${items.length} rows`);
  assert.ok(damaged.length <= LIMITS.damaged, `${damaged.length} times damaged`);
  verifyRows(items);
  verifyRows(damaged);
  return damaged.length === 0 ? "rows" : "damaged";
}

function verifyRows(rows: readonly object[]): void {
  for (const row of rows) {
    const values = Object.values(row);
    assert.ok(values.length <= LIMITS.keys, `${values.length} members`);
    for (const [key, value] of Object.entries(row)) verifyValue(value, key, 0);
    JSON.stringify(row);
  }
}

function verifyValue(value: unknown, path: string, depth: number): void {
  switch (typeof value) {
    case "boolean":
      return;
    case "number":
      assert.ok(Number.isFinite(value), `${path} is ${value}`);
      return;
    case "string":
      assert.ok(value.isWellFormed(), `${path} is no well-formed text`);
      assert.ok(value.length <= LIMITS.text, `${path} has ${value.length} characters`);
      return;
    case "object":
      if (value === null) return;
      assert.ok(depth < LIMITS.depth, `${path} is nested too deep`);
      for (const [key, inner] of Object.entries(value)) {
        verifyValue(inner, `${path}.${key}`, depth + 1);
      }
      return;
    default:
      assert.fail(`${path} is a ${typeof value}`);
  }
}
