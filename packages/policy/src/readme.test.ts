import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseRight, shippedFiles } from "../test/shipped.ts";
import { parsePolicyCases, shippedPolicyDirectory } from "./index.ts";

test("policy/README.md: its policies load beside the shipped ones, and its case is one", async () => {
  const text = await readFile(join(shippedPolicyDirectory, "README.md"), "utf8");
  const blocks = (language: string) =>
    [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(
      ([, each]) => each ?? "",
    );
  const policies = blocks("cedar");
  assert.equal(policies.length, 2);
  parseRight([...shippedFiles, { name: "readme.cedar", text: policies.join("\n") }]);
  const cases = blocks("json").map((each) => ({ name: "readme.test.json", text: each }));
  assert.equal(parsePolicyCases(cases).length, 1);
});
