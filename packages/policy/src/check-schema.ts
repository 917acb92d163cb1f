import { createHash } from "node:crypto";
import { actionGroups, actions, entityTypes, type ResourceKind } from "./actions.ts";
import {
  type AuthorizationRequest,
  dataClasses,
  type Resource,
  sources,
} from "./authorization-request.ts";
import { preparsePolicySet, preparseSchema, schemaToJson, statefulIsAuthorized } from "./cedar.ts";
import { toCedarRequest } from "./cedar-request.ts";
import type { PolicyFile, PolicyProblem } from "./policy-set.ts";
import { roles } from "./roles.ts";
import { lineAt } from "./split-statements.ts";

/** Names under which Cedar keeps what is parsed only to be asked here. */
const PROBE = "casemate:probe";

/**
 * The sha256 of the schema that Casemate comes with: the tests found it right, and so it need not be checked
 * at each start, which takes half a second.
 */
export const SHIPPED_SCHEMA = "ca4e91107253f251121423cf231bc0949f01f8baad8eb85bc033298f945e8d8a";

/** The schemas that were found right: policies are loaded often, their schema hardly ever changes. */
const known = new Set([SHIPPED_SCHEMA]);

/** What is wrong with a schema that is not known to be right. */
export function checkSchema(file: PolicyFile): readonly PolicyProblem[] {
  const digest = createHash("sha256").update(file.text, "utf8").digest("hex");
  if (known.has(digest)) return [];
  const problems = findSchemaProblems(file);
  if (problems.length === 0) known.add(digest);
  return problems;
}

/** What is wrong with a schema: it must parse, declare exactly the actions of `actions`, and take every request. */
export function findSchemaProblems(file: PolicyFile): readonly PolicyProblem[] {
  const answer = schemaToJson(file.text);
  if (answer.type === "failure") {
    return answer.errors.map(({ message, help, sourceLocations }) => {
      const start = sourceLocations?.[0]?.start ?? 0;
      const before = Buffer.from(file.text, "utf8").subarray(0, start).toString("utf8");
      const sentence = help === null ? message : `${message} (${help})`;
      return { file: file.name, line: lineAt(before, before.length), sentence };
    });
  }
  const declared = Object.entries(answer.json[""]?.actions ?? {}).map(([id, action]) =>
    describe(
      id,
      (action.memberOf ?? []).map((parent) => parent.id),
      action.appliesTo?.resourceTypes ?? [],
    ),
  );
  const wanted = [
    ...actionGroups.map((group) => describe(group.id, group.in, [])),
    ...actions.map((action) =>
      describe(
        action.id,
        action.in,
        action.on.map((kind) => entityTypes[kind]),
      ),
    ),
  ];
  const sentences = [
    ...wanted
      .filter((each) => !declared.includes(each))
      .map((each) => `the schema does not declare ${each}`),
    ...declared
      .filter((each) => !wanted.includes(each))
      .map((each) => `the schema declares ${each}, which Casemate never asks`),
  ];
  if (sentences.length === 0) sentences.push(...probe(file.text));
  return sentences.map((sentence) => ({ file: file.name, line: 1, sentence }));
}

function describe(id: string, groups: readonly string[], types: readonly string[]): string {
  const on = types.length === 0 ? "" : ` on ${types.toSorted().join(", ")}`;
  const within = groups.length === 0 ? "" : ` in ${groups.toSorted().join(", ")}`;
  return `action "${id}"${within}${on}`;
}

/** Asks one request of every shape: where the schema is not ours, Cedar refuses one. */
function probe(schema: string): readonly string[] {
  preparseSchema(PROBE, schema);
  preparsePolicySet(PROBE, {});
  for (const request of walkSampleRequests()) {
    const answer = statefulIsAuthorized({
      ...toCedarRequest(request),
      preparsedSchemaName: PROBE,
      preparsedPolicySetId: PROBE,
      validateRequest: true,
    });
    if (answer.type === "success") continue;
    const words = answer.errors.map(({ message }) => message).join("; ");
    return [`the schema does not take what Casemate asks about ${request.action}: ${words}`];
  }
  return [];
}

function* walkSampleRequests(): Iterable<AuthorizationRequest> {
  for (const { id, on } of actions) {
    for (const kind of on) yield sampleRequest(id, sampleResources[kind]);
  }
  const sample = sampleRequest("vm.read", sampleResources.vm);
  for (const source of sources) yield { ...sample, context: { ...sample.context, source } };
}

const sampleResources: Readonly<Record<ResourceKind, Resource>> = {
  vm: {
    kind: "vm",
    uuid: "00000000-0000-0000-0000-000000000000",
    name: "web01",
    host: "host",
    hostLabels: ["label"],
    networks: ["default"],
    labels: ["label"],
  },
  host: { kind: "host", id: "host", labels: ["label"] },
  account: { kind: "account", id: "alice", person: "alice" },
  request: { kind: "request", id: "1", requester: "alice", action: "vm.start" },
  system: { kind: "system" },
};

function sampleRequest(action: string, resource: Resource): AuthorizationRequest {
  const plan = { destroysState: false, irreversible: ["x"], downtime: false, diskBytes: 1 };
  return {
    principal: { id: "alice", person: "alice", roles, mfa: true, labels: ["label"] },
    action,
    resource,
    context: { plan, approvals: [], breakGlass: false, dataClasses, source: "api" },
  };
}
