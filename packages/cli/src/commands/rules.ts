import { join } from "node:path";
import { CasemateError, ExitCode } from "@casemate/core";
import type { Command } from "commander";
import { type OrderOptions, placeOrder, withOrder } from "../client/order.ts";
import type { Context } from "../context.ts";
import { printable } from "../output/printable.ts";

interface DirectoryOptions {
  readonly data?: string;
}

export function configureRules(command: Command, context: Context): void {
  withOrder(
    command.command("reload").description("have the rules decide that are in their directory now"),
  ).action((options: OrderOptions) =>
    placeOrder("/api/v1/operations/rules.change", {}, options, context),
  );
  const withDirectory = (sub: Command) =>
    sub.option("--data <dir>", "the rules of this data directory").option("--json", "print JSON");

  withDirectory(
    command.command("check [dir]").description("whether the rules of a directory would load"),
  ).action((dir: string | undefined, options: DirectoryOptions) => check(dir, options, context));

  withDirectory(
    command.command("test [dir]").description("run the cases beside the rules (*.test.yaml)"),
  ).action((dir: string | undefined, options: DirectoryOptions) => runCases(dir, options, context));
}

async function directoryOf(dir: string | undefined, { data }: DirectoryOptions): Promise<string> {
  if (dir !== undefined) return dir;
  if (data !== undefined) return join(data, "rules");
  const { shippedRuleDirectory } = await import("@casemate/control/shipped-rule-directory");
  return shippedRuleDirectory;
}

async function check(
  dir: string | undefined,
  options: DirectoryOptions,
  { output, exitWith }: Context,
): Promise<void> {
  const directory = await directoryOf(dir, options);
  const { checkRules, loadRules } = await import("@casemate/control/load-rules");
  const problems = await checkRules(directory);
  if (problems.length > 0) exitWith(ExitCode.failed);
  const set = problems.length === 0 ? await loadRules(directory) : undefined;
  if (output.json) {
    const found = set && { version: set.version, rules: set.rules.length };
    output.document("RuleCheck", { directory, ...found, problems });
  } else if (set !== undefined) {
    output.table(
      [
        { title: "RULE" },
        { title: "SEVERITY" },
        { title: "RESPONSES" },
        { title: "MODE" },
        { title: "ASKS", align: "right" },
        { title: "WHERE" },
      ],
      set.rules.map(({ name, severity, respond, mode, approvals, file, line }) => [
        ...[name, severity ?? "-", respond.map(({ response }) => response).join(", ") || "-"],
        ...(respond.length === 0 ? ["-", "-"] : [mode, String(approvals)]),
        `${file}:${line}`,
      ]),
    );
    output.text(`\n${set.rules.length} rules, version ${set.version}\n`);
  } else {
    output.table(
      [{ title: "FILE" }, { title: "LINE", align: "right" }, { title: "PROBLEM" }],
      problems.map(({ file, line, sentence }) => [file, String(line), sentence]),
    );
  }
}

async function runCases(
  dir: string | undefined,
  options: DirectoryOptions,
  { output, exitWith }: Context,
): Promise<void> {
  const directory = await directoryOf(dir, options);
  const { loadRules, readRuleFiles } = await import("@casemate/control/load-rules");
  const { parseRuleCases, runRuleCase } = await import("@casemate/control/rule-case");
  const rules = await loadRules(directory);
  const cases = parseRuleCases(await readRuleFiles(directory, "cases"));
  if (cases.length === 0) {
    throw new CasemateError(
      "rule/not-found",
      `Cannot test the rules of ${directory}: no cases are there, expected *.test.yaml files.`,
      { next: "See rules/README.md for how to write cases." },
    );
  }
  const results = cases.map((each) => runRuleCase(each, rules));
  const failed = results.filter(({ passed }) => !passed);
  if (failed.length > 0) exitWith(ExitCode.failed);
  if (output.json) {
    const items = results.map(({ case: { name, file, expect }, ...result }) => {
      return { name, file, expect, ...result };
    });
    output.document("RuleTestList", { items });
    return;
  }
  const lines = failed.flatMap(({ case: { name, file }, differences }) => [
    `FAILED  ${name} (${file})`,
    ...differences.map((difference) => `        ${difference}`),
    "",
  ]);
  const passed = `${results.length - failed.length} of ${results.length} cases passed`;
  output.text(`${[...lines.map(printable), passed].join("\n")}\n`);
}
