import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";
import { parsePolicies } from "./parse-policies.ts";
import type { PolicyFile, PolicyProblem, PolicySet } from "./policy-set.ts";

/**
 * The policies of a directory.
 *
 * Throws `policy/not-found` without a readable directory and `policy/invalid` if anything in it does not parse,
 * fit the schema or mean something: then nothing of it is loaded.
 */
export async function loadPolicies(directory: string): Promise<PolicySet> {
  const { set, problems } = parsePolicies(await readPolicyFiles(directory));
  if (set !== undefined) return set;
  const [first, ...others] = problems;
  const more = others.length === 0 ? "" : `; ${others.length} more like it`;
  throw new CasemateError(
    "policy/invalid",
    `Cannot load the policies of ${directory}: ${first === undefined ? "" : describeProblem(first)}${more}.`,
  );
}

/** Everything that would keep `loadPolicies` from loading `directory`. Throws `policy/not-found`. */
export async function checkPolicies(directory: string): Promise<readonly PolicyProblem[]> {
  return parsePolicies(await readPolicyFiles(directory)).problems;
}

/** A problem in a line: `duties.cedar:12: …`. */
export function describeProblem({ file, line, sentence }: PolicyProblem): string {
  return `${file}:${line}: ${sentence}`;
}

/** The schema, the policies and the cases of a directory, by name. Throws `policy/not-found`. */
export async function readPolicyFiles(directory: string): Promise<readonly PolicyFile[]> {
  try {
    const names = await readdir(directory);
    const wanted = names.filter((name) => /\.(cedar|cedarschema|test\.json)$/.test(name)).sort();
    return await Promise.all(
      wanted.map(async (name) => ({ name, text: await readFile(join(directory, name), "utf8") })),
    );
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new CasemateError(
      "policy/not-found",
      `Cannot read the policies of ${directory}: ${words}.`,
      {
        cause,
      },
    );
  }
}
