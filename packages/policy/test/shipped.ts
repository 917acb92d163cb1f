import { type PolicyFile, type PolicySet, parsePolicies, readPolicyFiles } from "../src/index.ts";
import { shippedPolicyDirectory } from "../src/shipped-policy-directory.ts";

/** The files that come with Casemate. */
export const shippedFiles = await readPolicyFiles(shippedPolicyDirectory);

const found = shippedFiles.find(({ name }) => name.endsWith(".cedarschema"));
if (found === undefined) throw new Error("The shipped policies have no schema.");

/** The schema that comes with Casemate. */
export const schemaFile: PolicyFile = found;

/** A set of files that must be right, or an error that says why not. */
export function parseRight(files: readonly PolicyFile[]): PolicySet {
  const { set, problems } = parsePolicies(files);
  if (set === undefined) throw new Error(JSON.stringify(problems));
  return set;
}

/** The shipped schema with policies of one's own. */
export function parseText(text: string): PolicySet {
  return parseRight([schemaFile, { name: "test.cedar", text }]);
}
