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
    const members = Object.keys(row).length;
    if (members > LIMITS.keys) assert.fail(`${members} members`);
    verifyMembers(row, "", 0);
  }
}

/** JSON's own values and no others: what holds only these, `JSON.stringify` can write. */
function verifyMembers(members: object, path: string, depth: number): void {
  for (const [key, value] of Object.entries(members)) {
    const fault = findFault(value, depth);
    if (fault !== undefined) assert.fail(`${path}${key} ${fault}`);
    if (typeof value === "object" && value !== null) {
      verifyMembers(value, `${path}${key}.`, depth + 1);
    }
  }
}

/** Looks at the value itself; there are millions of them, so words are made only of those that are wrong. */
function findFault(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `is ${value}`;
    case "string":
      if (!value.isWellFormed()) return "is no well-formed text";
      return value.length <= LIMITS.text ? undefined : `has ${value.length} characters`;
    case "object":
      return value === null || depth < LIMITS.depth ? undefined : "is nested too deep";
    default:
      return `is a ${typeof value}`;
  }
}
