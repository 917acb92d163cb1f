import { createHash } from "node:crypto";
import { type DetailedError, type PolicyJson, policyToJson, validate } from "./cedar.ts";
import { checkSchema } from "./check-schema.ts";
import { parseAnnotations } from "./parse-annotations.ts";
import type { LoadedPolicy, PolicyFile, PolicyProblem, PolicySet } from "./policy-set.ts";
import { lineAt, type Statement, splitStatements } from "./split-statements.ts";

/** What came of parsing: a set, or everything that is wrong. */
export type ParsedPolicies =
  | { readonly set: PolicySet; readonly problems: readonly [] }
  | { readonly set?: undefined; readonly problems: readonly PolicyProblem[] };

/**
 * The files of a policy directory as a set: one `*.cedarschema`, and `*.cedar`; others are ignored.
 *
 * A set comes out only if everything parses, fits the schema without a warning, and every annotation means
 * something; a single problem refuses the whole.
 */
export function parsePolicies(files: readonly PolicyFile[]): ParsedPolicies {
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const schemas = sorted.filter(({ name }) => name.endsWith(".cedarschema"));
  const [schema] = schemas;
  if (schema === undefined || schemas.length > 1) {
    const seen = schemas.map(({ name }) => name).join(", ") || "none is there";
    return problemsOf([
      { file: seen, line: 1, sentence: "expected exactly one schema (*.cedarschema)" },
    ]);
  }
  const sources = sorted.filter(({ name }) => name.endsWith(".cedar"));
  const problems: PolicyProblem[] = [...checkSchema(schema)];
  const policies: LoadedPolicy[] = [];
  for (const file of sources) {
    for (const statement of splitStatements(file.text)) {
      const parsed = parseStatement(file, statement);
      if ("problems" in parsed) problems.push(...parsed.problems);
      else policies.push(parsed);
    }
  }
  problems.push(...checkIds(policies));
  // The checks below need a set that parses.
  if (problems.length > 0) return problemsOf(problems);
  problems.push(...checkTypes(schema, sources, policies));
  if (problems.length > 0) return problemsOf(problems);
  const set: PolicySet = Object.freeze({
    version: versionOf([schema, ...sources]),
    schema: schema.text,
    policies,
    labels: findLabels(policies),
  });
  return { set, problems: [] };
}

const problemsOf = (problems: readonly PolicyProblem[]): ParsedPolicies => ({ problems });

/**
 * The sha256 of what `sha256sum` prints for the files in the order of their names: anybody can compute it by
 * `sha256sum *.cedar *.cedarschema | LC_ALL=C sort -k 2 | sha256sum`.
 */
export function versionOf(files: readonly PolicyFile[]): string {
  const lines = files
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, text }) => `${sha256(text)}  ${name}\n`);
  return sha256(lines.join(""));
}

const sha256 = (text: string) => createHash("sha256").update(text, "utf8").digest("hex");

function parseStatement(
  file: PolicyFile,
  statement: Statement,
): LoadedPolicy | { readonly problems: readonly PolicyProblem[] } {
  const answer = policyToJson(statement.text);
  if (answer.type === "failure") {
    return { problems: answer.errors.map((error) => problemAt(file, statement, error)) };
  }
  const line = lineAt(file.text, statement.offset);
  const notes = parseAnnotations(answer.json);
  if (!("id" in notes)) {
    return { problems: notes.map((sentence) => ({ file: file.name, line, sentence })) };
  }
  const { effect } = answer.json;
  return { ...notes, effect, file: file.name, line, text: statement.text, json: answer.json };
}

function checkIds(policies: readonly LoadedPolicy[]): readonly PolicyProblem[] {
  const first = new Map<string, LoadedPolicy>();
  return policies.flatMap((policy) => {
    const other = first.get(policy.id);
    first.set(policy.id, other ?? policy);
    if (other === undefined) return [];
    const sentence = `@id("${policy.id}") is the name of ${other.file}:${other.line}, too; expected one of its own`;
    return [{ file: policy.file, line: policy.line, sentence }];
  });
}

/** What Cedar's validator says against the policies; a warning (a policy that can never apply) counts, too. */
function checkTypes(
  schema: PolicyFile,
  files: readonly PolicyFile[],
  policies: readonly LoadedPolicy[],
): readonly PolicyProblem[] {
  const answer = validate({
    schema: schema.text,
    policies: { staticPolicies: Object.fromEntries(policies.map(({ id, text }) => [id, text])) },
  });
  if (answer.type === "failure") {
    return answer.errors.map(({ message }) => ({ file: schema.name, line: 1, sentence: message }));
  }
  return [...answer.validationErrors, ...answer.validationWarnings].map(({ policyId, error }) => {
    const policy = policies.find(({ id }) => id === policyId);
    const file = files.find(({ name }) => name === policy?.file);
    if (policy === undefined || file === undefined) {
      return { file: schema.name, line: 1, sentence: error.message };
    }
    const offset = splitStatements(file.text).find(
      (each) => lineAt(file.text, each.offset) === policy.line && each.text === policy.text,
    )?.offset;
    return problemAt(file, { text: policy.text, offset: offset ?? 0 }, error);
  });
}

/** Cedar's error with its place: Cedar counts UTF-8 bytes from the start of the statement. */
function problemAt(file: PolicyFile, statement: Statement, error: DetailedError): PolicyProblem {
  const bytes = error.sourceLocations?.[0]?.start ?? 0;
  const before = Buffer.from(statement.text, "utf8").subarray(0, bytes).toString("utf8");
  const help = error.help === null ? "" : ` (${error.help})`;
  return {
    file: file.name,
    line: lineAt(file.text, statement.offset) + before.split("\n").length - 1,
    sentence: `${error.message.replaceAll(/\s*\n\s*/g, " ")}${help}`,
  };
}

/** Every label that a policy names, sorted. */
function findLabels(policies: readonly { readonly json: PolicyJson }[]): readonly string[] {
  const labels = new Set<string>();
  JSON.stringify(
    policies.map(({ json }) => json),
    (_key, value: unknown) => {
      if (typeof value === "object" && value !== null && "type" in value && "id" in value) {
        if (value.type === "Label" && typeof value.id === "string") labels.add(value.id);
      }
      return value;
    },
  );
  return [...labels].sort();
}
