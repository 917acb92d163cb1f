/**
 * Runs the test files it is told in this one process, where what they have in common is loaded once, and sends
 * its parent what became of each test.
 */
import { run } from "node:test";
import { parseArgs } from "node:util";
import { resolveSources } from "@casemate/core";
import fc from "fast-check";
import type { TestReport } from "./test-report.ts";

const { values, positionals: files } = parseArgs({
  options: { timeout: { type: "string", default: "0" }, seed: { type: "string" } },
  allowPositionals: true,
});
resolveSources();
if (values.seed !== undefined) fc.configureGlobal({ seed: Number(values.seed) });

for await (const event of run({ files, isolation: "none", timeout: Number(values.timeout) })) {
  if (event.type !== "test:pass" && event.type !== "test:fail") continue;
  const { name, details, nesting, file = files.join(", "), skip, todo } = event.data;
  if (details.type === "suite") continue;
  const reason = skip ?? todo;
  const report: TestReport = {
    ...{ file, name, nesting, milliseconds: details.duration_ms },
    ...(reason === undefined ? {} : { skipped: typeof reason === "string" ? reason : "" }),
    ...(event.type === "test:fail" ? { error: describe(event.data.details.error) } : {}),
  };
  process.send?.(report);
}
// What a test left open keeps nobody waiting; what was sent is on its way.
process.disconnect();
process.exit(0);

function describe(error: Error & { cause?: unknown }): string {
  const cause =
    error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : error.cause;
  return String(cause ?? error.stack ?? error.message)
    .split("\n")
    .slice(0, 60)
    .map((line) => `    ${line}`)
    .join("\n");
}
