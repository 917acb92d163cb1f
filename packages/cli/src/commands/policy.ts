import { join } from "node:path";
import { CasemateError, ExitCode } from "@casemate/core";
import {
  type AuthorizationRequest,
  checkPolicies,
  type Decision,
  type Explanation,
  joinDuties,
  loadPolicies,
  type PolicyCaseResult,
  PolicyEngine,
  parsePolicyCases,
  parseRequest,
  readPolicyFiles,
  runPolicyCase,
  shippedPolicyDirectory,
} from "@casemate/policy";
import type { Command } from "commander";
import { type OrderOptions, placeOrder, withOrder } from "../client/order.ts";
import type { Context } from "../context.ts";
import { printable } from "../output/printable.ts";

interface DirectoryOptions {
  readonly data?: string;
}

interface ExplainOptions extends DirectoryOptions {
  readonly dir?: string;
  readonly principal?: string;
  readonly roles?: string;
  readonly mfa?: boolean;
  readonly action?: string;
  readonly vm?: string;
  readonly resource?: string;
  readonly context?: string;
}

export function configurePolicy(command: Command, context: Context): void {
  withOrder(
    command.command("reload").description("have the policies decide that are in its directory now"),
  ).action((options: OrderOptions) =>
    placeOrder("/api/v1/operations/policy.change", {}, options, context),
  );
  const withDirectory = (sub: Command) =>
    sub
      .option("--data <dir>", "the policies of this data directory")
      .option("--json", "print JSON");

  withDirectory(
    command.command("check [dir]").description("whether the policies of a directory would load"),
  ).action((dir: string | undefined, options: DirectoryOptions) =>
    check(directoryOf(dir, options), context),
  );

  withDirectory(
    command.command("test [dir]").description("run the cases beside the policies (*.test.json)"),
  ).action((dir: string | undefined, options: DirectoryOptions) =>
    runCases(directoryOf(dir, options), context),
  );

  withDirectory(
    command
      .command("explain [case]")
      .description("which policies decide a request, and what would have it permitted"),
  )
    .option("--dir <dir>", "the policies of this directory")
    .option("--principal <account>", "who asks")
    .option("--roles <roles>", "the account's roles, separated by commas")
    .option("--mfa", "a second factor was given")
    .option("--action <action>", "what is asked for, like vm.restore")
    .option("--vm <name>", "a VM without labels and networks")
    .option("--resource <json>", "any other thing it is asked about")
    .option("--context <json>", "plan, approvals, breakGlass, dataClasses, source")
    .addHelpText("after", "\nExits with 4 when the request is denied or needs approval.")
    .action((name: string | undefined, options: ExplainOptions) =>
      explain(name, options, directoryOf(options.dir, options), context),
    );
}

function directoryOf(dir: string | undefined, { data }: DirectoryOptions): string {
  if (dir !== undefined) return dir;
  return data === undefined ? shippedPolicyDirectory : join(data, "policy");
}

async function check(directory: string, { output, exitWith }: Context): Promise<void> {
  const problems = await checkPolicies(directory);
  if (problems.length > 0) exitWith(ExitCode.failed);
  const set = problems.length === 0 ? await loadPolicies(directory) : undefined;
  if (output.json) {
    const found = set && { version: set.version, policies: set.policies.length };
    output.document("PolicyCheck", { directory, ...found, problems });
  } else if (set !== undefined) {
    output.text(`${set.policies.length} policies, version ${set.version}\n`);
  } else {
    output.table(
      [{ title: "FILE" }, { title: "LINE", align: "right" }, { title: "PROBLEM" }],
      problems.map(({ file, line, sentence }) => [file, String(line), sentence]),
    );
  }
}

async function runCases(directory: string, { output, exitWith }: Context): Promise<void> {
  const engine = new PolicyEngine(await loadPolicies(directory));
  const cases = parsePolicyCases(await readPolicyFiles(directory));
  if (cases.length === 0) {
    throw new CasemateError(
      "policy/not-found",
      `Cannot test the policies of ${directory}: no cases are there, expected *.test.json files.`,
      { next: "See policy/README.md for how to write cases." },
    );
  }
  const results = cases.map((each) => runPolicyCase(each, (asked) => engine.authorize(asked)));
  const failed = results.filter(({ passed }) => !passed);
  if (failed.length > 0) exitWith(ExitCode.failed);
  if (output.json) output.document("PolicyTestList", { items: results.map(toItem) });
  else output.text(describeResults(results, failed));
}

function toItem({ case: { name, file, expected }, ...result }: PolicyCaseResult): object {
  return { name, file, expected, ...result };
}

function describeResults(
  results: readonly PolicyCaseResult[],
  failed: readonly PolicyCaseResult[],
): string {
  const lines = failed.flatMap(({ case: { name, file }, differences }) => [
    `FAILED  ${name} (${file})`,
    ...differences.map((difference) => `        ${difference}`),
    "",
  ]);
  const passed = `${results.length - failed.length} of ${results.length} cases passed`;
  return `${[...lines.map(printable), passed].join("\n")}\n`;
}

async function explain(
  name: string | undefined,
  options: ExplainOptions,
  directory: string,
  { output, exitWith }: Context,
): Promise<void> {
  const engine = new PolicyEngine(await loadPolicies(directory));
  const request =
    name === undefined ? requestOf(options) : await findCase(name, options, directory);
  const explanation = engine.explain(request);
  if (explanation.decision.kind !== "permitted") exitWith(ExitCode.denied);
  if (output.json) {
    output.document("PolicyExplanation", { version: engine.version, ...explanation });
  } else {
    output.text(describeExplanation(explanation));
    const { policies } = explanation.decision;
    if (policies.length === 0) return;
    output.text("\n");
    output.table(
      [{ title: "EFFECT" }, { title: "POLICY" }, { title: "WHERE" }, { title: "REASON" }],
      policies.map(({ effect, id, file, line, reason = "" }) => [
        effect,
        id,
        `${file}:${line}`,
        reason,
      ]),
    );
  }
}

async function findCase(
  name: string,
  { principal, roles, mfa, action, vm, resource, context }: ExplainOptions,
  directory: string,
): Promise<AuthorizationRequest> {
  if ([principal, roles, mfa, action, vm, resource, context].some((each) => each !== undefined)) {
    throw new CasemateError(
      "usage",
      "Cannot explain a case with other options: expected the name of a case or a request.",
    );
  }
  const cases = parsePolicyCases(await readPolicyFiles(directory));
  const found = cases.find((each) => each.name === name);
  if (found !== undefined) return found.request;
  throw new CasemateError(
    "usage",
    `Cannot explain the case "${name}": ${cases.length} cases are in ${directory}, none of that name.`,
    { next: "Run `casemate policy test --json` to see their names." },
  );
}

function requestOf(options: ExplainOptions): AuthorizationRequest {
  if (options.action === undefined) {
    throw new CasemateError("usage", "Cannot explain a request: expected --action or a case.");
  }
  if (options.vm !== undefined && options.resource !== undefined) {
    throw new CasemateError("usage", "Cannot ask about --vm and --resource: expected one of them.");
  }
  const resource =
    options.vm === undefined
      ? parseJson("--resource", options.resource)
      : { kind: "vm", name: options.vm };
  const context = parseJson("--context", options.context);
  return parseRequest(
    {
      principal: {
        ...(options.principal === undefined ? {} : { id: options.principal }),
        roles: options.roles?.split(",").map((role) => role.trim()) ?? [],
        mfa: options.mfa ?? false,
      },
      action: options.action,
      ...(resource === undefined ? {} : { resource }),
      ...(context === undefined ? {} : { context }),
    },
    "the request",
  );
}

function parseJson(option: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new CasemateError("usage", `Cannot use ${option}: ${words}, expected JSON.`, { cause });
  }
}

function describeExplanation({ request, decision, change, tried }: Explanation): string {
  const { principal, action } = request;
  const roles = principal.roles.length === 0 ? "no role" : principal.roles.join(", ");
  const lines = [`${principal.id} (${roles}) ${action}: ${describeDecision(decision)}`];
  if (change !== undefined) {
    const steps = change.steps.map(({ sentence }) => sentence).join(" and ");
    lines.push(`It would be permitted ${steps}.`);
  } else if (decision.kind !== "permitted") {
    lines.push(
      `No small change would permit it: none found among ${tried} of one step or two together.`,
    );
  }
  return `${lines.map(printable).join("\n")}\n`;
}

function describeDecision(decision: Decision): string {
  switch (decision.kind) {
    case "permitted":
      return "permitted.";
    case "denied":
      return `denied. ${decision.because}`;
    case "needs-approval":
      return `needs approval by ${joinDuties(decision.duties)
        .map(({ by, count }) => `${count} × ${by}`)
        .join(", ")}.`;
  }
}
