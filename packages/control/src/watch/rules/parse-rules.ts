import { createHash } from "node:crypto";
import type { JsonObject } from "@casemate/core";
import { severities } from "@casemate/inspect";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { responses } from "../responses/responses.ts";
import { parseCondition } from "./condition.ts";
import { namedChannels } from "./named-channels.ts";
import { type ParsedFile, parseYaml } from "./parse-yaml.ts";
import type { Rule, RuleAllowance, RuleFile, RuleProblem, RuleSet } from "./rule.ts";

const closed = { additionalProperties: false } as const;
const Names = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 1_000 });
const Source = Type.String({ minLength: 1, maxLength: 4_000 });

/** What a file of rules holds. */
const RuleFileContent = Type.Object(
  {
    rules: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength: 64 }),
            when: Source,
            severity: Type.Optional(Type.Enum([...severities])),
            because: Type.Optional(Type.String({ minLength: 1, maxLength: 1_000 })),
            respond: Type.Optional(
              Type.Array(
                Type.Object(
                  {
                    response: Type.String(),
                    parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
                  },
                  closed,
                ),
                { maxItems: 20 },
              ),
            ),
            mode: Type.Optional(Type.Enum(["dry-run", "act"])),
            approvals: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 })),
          },
          closed,
        ),
      ),
    ),
    allowances: Type.Optional(
      Type.Array(
        Type.Object(
          { when: Source, rawSockets: Type.Optional(Names), codeMakers: Type.Optional(Names) },
          closed,
        ),
      ),
    ),
  },
  closed,
);

type Content = ParsedFile<typeof RuleFileContent>;

/** What a directory's files come to: rules, or everything that is wrong with them. */
export interface ParsedRules {
  /** Undefined where there are problems. */
  readonly set: RuleSet | undefined;
  readonly problems: readonly RuleProblem[];
}

/** The rules of the files, which are all right or not used at all; `channels` are those that can be told, if that is known. */
export function parseRules(files: readonly RuleFile[], channels?: readonly string[]): ParsedRules {
  const problems: RuleProblem[] = [];
  const rules: Rule[] = [];
  const allowances: RuleAllowance[] = [];
  for (const file of files) {
    const parsed = parseYaml(file, RuleFileContent);
    if ("value" in parsed) {
      rules.push(...parseFileRules(file.name, parsed, channels, problems));
      allowances.push(...parseAllowances(file.name, parsed, problems));
    } else problems.push(...parsed);
  }
  const seen = new Map<string, Rule>();
  for (const rule of rules) {
    const other = seen.get(rule.name);
    seen.set(rule.name, rule);
    if (other === undefined) continue;
    const { file, line, name } = rule;
    const where = `${other.file}:${other.line}`;
    problems.push({ file, line, sentence: `the name ${name} is taken by ${where}` });
  }
  if (problems.length > 0) return { set: undefined, problems };
  const digest = createHash("sha256");
  for (const { name, text } of files) digest.update(`${name}\0${text}\0`);
  return { set: { version: digest.digest("hex"), rules, allowances }, problems };
}

function parseFileRules(
  file: string,
  { value, lineOf }: Content,
  channels: readonly string[] | undefined,
  problems: RuleProblem[],
): Rule[] {
  return (value.rules ?? []).flatMap((given, index) => {
    const { name, severity, because, respond = [], mode = "dry-run", approvals = 0 } = given;
    const line = lineOf(["rules", index]);
    const found: string[] = [];
    const when = take(parseCondition(given.when, "finding"), found);
    const wanted = respond.map(({ response, parameters = {} }) => {
      found.push(...checkResponse(response, parameters));
      return { response, parameters: parameters as JsonObject }; // it came out of YAML
    });
    const named = namedChannels(wanted);
    for (const name of named.filter((each) => channels?.includes(each) === false)) {
      const known = channels?.join(", ") || "none";
      found.push(`there is no channel ${name}, expected one of ${known}`);
    }
    if (named.length > 0 && approvals > 0) {
      found.push("notify asks nobody, expected it in a rule without approvals");
    }
    if (severity === undefined && wanted.length === 0) {
      found.push("it decides nothing, expected severity or respond");
    }
    if (because !== undefined && severity === undefined) {
      found.push("because stands without a severity that it is the reason of");
    }
    problems.push(...found.map((each) => ({ file, line, sentence: `rule ${name}: ${each}` })));
    if (when === undefined) return [];
    return [{ name, file, line, when, severity, because, respond: wanted, mode, approvals }];
  });
}

function parseAllowances(
  file: string,
  { value, lineOf }: Content,
  problems: RuleProblem[],
): RuleAllowance[] {
  return (value.allowances ?? []).flatMap(({ when, rawSockets = [], codeMakers = [] }, index) => {
    const found: string[] = [];
    const condition = take(parseCondition(when, "vm"), found);
    const line = lineOf(["allowances", index]);
    problems.push(...found.map((each) => ({ file, line, sentence: `allowance: ${each}` })));
    return condition === undefined ? [] : [{ when: condition, rawSockets, codeMakers }];
  });
}

/** The condition, if it is one. */
function take<Parsed extends object>(
  parsed: Parsed | string,
  problems: string[],
): Parsed | undefined {
  if (typeof parsed !== "string") return parsed;
  problems.push(`its condition is not right: ${parsed}`);
  return undefined;
}

function checkResponse(id: string, parameters: unknown): readonly string[] {
  const response = responses.find((each) => each.id === id);
  if (response === undefined) {
    const known = responses.map((each) => each.id).join(", ");
    return [`there is no response ${id}, expected one of ${known}`];
  }
  return Value.Errors(response.parameters, parameters)
    .slice(0, 3)
    .map(({ instancePath, message }) => {
      const path = instancePath.split("/").slice(1).join(".");
      return `the parameters of ${id}: ${path === "" ? "they" : path} ${message}`;
    });
}
