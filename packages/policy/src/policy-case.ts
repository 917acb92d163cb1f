import { CasemateError } from "@casemate/core";
import type { AuthorizationRequest } from "./authorization-request.ts";
import type { Decision } from "./decision.ts";
import { Fields } from "./fields.ts";
import { parseRequest } from "./parse-request.ts";
import type { PolicyFile } from "./policy-set.ts";

/** What a policy is expected to decide: one test of a policy. */
export interface PolicyCase {
  readonly name: string;
  readonly file: string;
  readonly request: AuthorizationRequest;
  readonly expected: {
    readonly decision: Decision["kind"];
    /** The ids of all policies that decide, in any order; absent where any will do. */
    readonly policies?: readonly string[];
  };
}

/** A case that was run. */
export interface PolicyCaseResult {
  readonly case: PolicyCase;
  readonly passed: boolean;
  readonly decision: Decision;
  /** One line for each thing that is not as expected. */
  readonly differences: readonly string[];
}

const kinds = ["permitted", "needs-approval", "denied"] as const;

/**
 * The cases of the `*.test.json` files among `files`.
 *
 * Throws `policy/invalid` for what is no JSON, for keys nobody knows, and for two cases of one name.
 */
export function parsePolicyCases(files: readonly PolicyFile[]): readonly PolicyCase[] {
  const cases = files.filter(({ name }) => name.endsWith(".test.json")).flatMap(parseFile);
  const seen = new Map<string, PolicyCase>();
  for (const each of cases) {
    const other = seen.get(each.name);
    seen.set(each.name, each);
    if (other === undefined) continue;
    throw new CasemateError(
      "policy/invalid",
      `Cannot use the cases of ${each.file}: "${each.name}" is in ${other.file} already, expected a name of its own.`,
    );
  }
  return cases;
}

/** Asks `authorize` what the case asks and compares. */
export function runPolicyCase(
  each: PolicyCase,
  authorize: (request: AuthorizationRequest) => Decision,
): PolicyCaseResult {
  const decision = authorize(each.request);
  const { expected } = each;
  const differences: string[] = [];
  if (decision.kind !== expected.decision) {
    differences.push(`decision: expected ${expected.decision}, was ${decision.kind}`);
  }
  const ids = decision.policies.map(({ id }) => id).sort();
  const wanted = expected.policies?.toSorted();
  if (wanted !== undefined && wanted.join() !== ids.join()) {
    differences.push(`policies: expected ${describe(wanted)}, were ${describe(ids)}`);
  }
  if (differences.length > 0 && decision.kind === "denied") {
    differences.push(`because: ${decision.because}`);
  }
  return { case: each, passed: differences.length === 0, decision, differences };
}

const describe = (ids: readonly string[]) => (ids.length === 0 ? "none" : ids.join(", "));

function parseFile({ name: file, text }: PolicyFile): readonly PolicyCase[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new CasemateError("policy/invalid", `Cannot use the cases of ${file}: ${words}.`, {
      cause,
    });
  }
  const root = new Fields(document, ["cases"], `the cases of ${file}`, "policy/invalid");
  const listed = root.objects("cases", ["name", "request", "expect"]);
  return listed.map((fields) => {
    const name = fields.string("name");
    const expected = fields.object("expect", ["decision", "policies"]);
    const what = `the case "${name}" of ${file}`;
    return {
      name,
      file,
      request: parseRequest(fields.raw("request"), what, "policy/invalid"),
      expected: {
        decision: expected.choice("decision", kinds),
        ...(expected.has("policies") ? { policies: expected.strings("policies") } : {}),
      },
    };
  });
}
