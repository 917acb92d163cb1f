import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";
import { parseRules } from "./parse-rules.ts";
import type { RuleFile, RuleProblem, RuleSet } from "./rule.ts";

/**
 * The rules of a directory: `*.yaml`, but not the cases beside them.
 *
 * @param channels those that rules may have told; any where it is left out
 *
 * Throws `rule/not-found` without a readable directory, and `rule/invalid` if anything in it is not right: then
 * nothing of it is loaded.
 */
export async function loadRules(directory: string, channels?: readonly string[]): Promise<RuleSet> {
  const { set, problems } = parseRules(await readRuleFiles(directory), channels);
  if (set !== undefined) return set;
  const [first, ...others] = problems;
  const more = others.length === 0 ? "" : `; ${others.length} more like it`;
  throw new CasemateError(
    "rule/invalid",
    `Cannot load the rules of ${directory}: ${first === undefined ? "" : describeRuleProblem(first)}${more}.`,
  );
}

/** Everything that would keep `loadRules` from loading `directory`. Throws `rule/not-found`. */
export async function checkRules(
  directory: string,
  channels?: readonly string[],
): Promise<readonly RuleProblem[]> {
  return parseRules(await readRuleFiles(directory), channels).problems;
}

/** A problem in a line: `severity.yaml:12: …`. */
export function describeRuleProblem({ file, line, sentence }: RuleProblem): string {
  return `${file}:${line}: ${sentence}`;
}

/** The files of rules of a directory, or those of their cases, by name. Throws `rule/not-found`. */
export async function readRuleFiles(
  directory: string,
  which: "rules" | "cases" = "rules",
): Promise<readonly RuleFile[]> {
  try {
    const names = (await readdir(directory)).filter((name) => name.endsWith(".yaml")).sort();
    const wanted = names.filter((name) => name.endsWith(".test.yaml") === (which === "cases"));
    return await Promise.all(
      wanted.map(async (name) => ({ name, text: await readFile(join(directory, name), "utf8") })),
    );
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new CasemateError(
      "rule/not-found",
      `Cannot read the rules of ${directory}: ${words}, expected a directory.`,
      { cause },
    );
  }
}
