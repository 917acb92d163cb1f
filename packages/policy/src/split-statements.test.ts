import assert from "node:assert/strict";
import { test } from "node:test";
import { lineAt, splitStatements } from "./split-statements.ts";

test("splitStatements: semicolons in strings and comments end nothing", () => {
  const text = `// a; b\n@reason("x; \\" y") // ;\npermit (principal, action, resource);\n// end;\nforbid(a)`;
  const found = splitStatements(text);
  assert.deepEqual(
    found.map((each) => [lineAt(text, each.offset), each.text.split("\n").length]),
    [
      [2, 2],
      [5, 1],
    ],
  );
  for (const { text: part, offset } of found) assert.ok(text.startsWith(part, offset));
  assert.deepEqual(splitStatements(" \n// nothing\n"), []);
});
