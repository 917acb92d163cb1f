import { walkGroups } from "./actions.ts";
import type { AuthorizationRequest, Resource } from "./authorization-request.ts";
import type { CedarValueJson, EntityJson, StatefulAuthorizationCall } from "./cedar.ts";
import { roles } from "./roles.ts";

interface EntityUid {
  readonly type: string;
  readonly id: string;
}

/** An authorization request as Cedar takes it: all but the names of the policies and the schema. */
export type CedarRequest = Pick<
  StatefulAuthorizationCall,
  "principal" | "action" | "resource" | "context"
> & { readonly entities: [principal: EntityJson, resource: EntityJson, action: EntityJson] };

/**
 * The request with the entities it needs and no others: who asks, what for and what about. Groups without attributes
 * (roles, labels, networks, hosts) need no entity of their own; a host's labels are given to its VM directly.
 */
export function toCedarRequest(request: AuthorizationRequest): CedarRequest {
  const { principal, action, resource, context } = request;
  const user = { type: "User", id: principal.id };
  const uid = resourceUid(resource);
  return {
    principal: user,
    action: { type: "Action", id: action },
    resource: uid,
    context: {
      ...(context.plan === undefined ? {} : { plan: toPlan(context.plan) }),
      approvals: countApprovals(request),
      breakGlass: context.breakGlass,
      dataClasses: context.dataClasses.map((id) => reference("DataClass", id)),
      source: reference("Source", context.source),
      asks: context.asks ?? 0,
    },
    entities: [
      {
        uid: user,
        attrs: { person: reference("Person", principal.person), mfa: principal.mfa },
        parents: [...uids("Role", principal.roles), ...uids("Label", principal.labels ?? [])],
      },
      { uid, attrs: resourceAttributes(resource), parents: resourceParents(resource) },
      { uid: { type: "Action", id: action }, attrs: {}, parents: actionParents(action) },
    ],
  };
}

/** For each role, how many persons other than the requester approved in it. */
function countApprovals({ principal, context }: AuthorizationRequest): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const role of roles) {
    const persons = context.approvals
      .filter((approval) => approval.role === role && approval.person !== principal.person)
      .map(({ person }) => person);
    counts[role] = new Set(persons).size;
  }
  return counts;
}

type Plan = NonNullable<AuthorizationRequest["context"]["plan"]>;

/** The plan's parts one by one: whatever else it carries is not for policies. */
function toPlan({ destroysState, irreversible, downtime, diskBytes }: Plan): CedarValueJson {
  return { destroysState, irreversible: [...irreversible], downtime, diskBytes };
}

function resourceUid(resource: Resource): EntityUid {
  switch (resource.kind) {
    case "vm":
      return { type: "VM", id: resource.uuid };
    case "host":
      return { type: "Host", id: resource.id };
    case "account":
      return { type: "Account", id: resource.id };
    case "request":
      return { type: "Request", id: resource.id };
    case "system":
      return { type: "System", id: "casemate" };
  }
}

function resourceAttributes(resource: Resource): EntityJson["attrs"] {
  switch (resource.kind) {
    case "vm":
      return { name: resource.name };
    case "account":
      return { person: reference("Person", resource.person) };
    case "request":
      return { requester: reference("Person", resource.requester), action: resource.action };
    case "host":
    case "system":
      return {};
  }
}

function resourceParents(resource: Resource): EntityUid[] {
  switch (resource.kind) {
    case "vm":
      return [
        { type: "Host", id: resource.host },
        ...uids("Network", resource.networks),
        ...uids("Label", [...resource.labels, ...(resource.hostLabels ?? [])]),
      ];
    case "host":
      return uids("Label", resource.labels ?? []);
    case "account":
    case "request":
    case "system":
      return [];
  }
}

/** Every group at once: the groups are no entities here that could say which they are part of. */
const actionParents = (action: string) =>
  uids(
    "Action",
    walkGroups(action).filter((id) => id !== action),
  );

const uids = (type: string, ids: readonly string[]) => ids.map((id) => ({ type, id }));

const reference = (type: string, id: string) => ({ __entity: { type, id } });
