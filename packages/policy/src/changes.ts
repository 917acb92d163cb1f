import {
  type AuthorizationRequest,
  type PlanPrediction,
  type Principal,
  type Resource,
  sources,
} from "./authorization-request.ts";
import { conflictSets, type Role, roles } from "./roles.ts";

/** One thing that could be different about a request. */
export interface Change {
  readonly kind:
    | "role"
    | "approval"
    | "mfa"
    | "plan"
    | "break-glass"
    | "label"
    | "network"
    | "person"
    | "source";
  /** What would be different, as the end of "It would be permitted …". */
  readonly sentence: string;
  readonly request: AuthorizationRequest;
}

/** Approvals are tried up to this number of persons. */
const MAX_APPROVALS = 3;

/**
 * Every request that differs from `request` in one thing, what is easiest for people to give first: a second
 * factor, approvals, another role, another plan, the glass broken, other labels, another person, another source.
 *
 * @param labels those that policies speak of.
 */
export function* walkChanges(
  request: AuthorizationRequest,
  labels: readonly string[],
): Iterable<Change> {
  yield* walkSecondFactor(request);
  yield* walkApprovals(request);
  yield* walkRoles(request);
  yield* walkPlans(request);
  yield* walkBreakGlass(request);
  yield* walkLabels(request, labels);
  yield* walkNetworks(request);
  yield* walkPersons(request);
  yield* walkSources(request);
}

function* walkSecondFactor(request: AuthorizationRequest): Iterable<Change> {
  if (request.principal.mfa) return;
  const principal = { ...request.principal, mfa: true };
  yield { kind: "mfa", sentence: "with a second factor", request: { ...request, principal } };
}

function* walkApprovals(request: AuthorizationRequest): Iterable<Change> {
  const { context, principal } = request;
  for (const role of roles) {
    for (let count = 1; count <= MAX_APPROVALS; count += 1) {
      const given = Array.from({ length: count }, (_, index) => ({
        role,
        person: strangerTo(request, index + 1),
      }));
      const by = count === 1 ? `another person as ${role}` : `${count} other persons as ${role}`;
      yield {
        kind: "approval",
        sentence: `with the approval of ${by}`,
        request: {
          ...request,
          principal,
          context: { ...context, approvals: [...context.approvals, ...given] },
        },
      };
    }
  }
}

function* walkRoles(request: AuthorizationRequest): Iterable<Change> {
  const held = request.principal.roles;
  const withRoles = (next: readonly Role[], sentence: string): Change => ({
    kind: "role",
    sentence,
    request: { ...request, principal: { ...request.principal, roles: next } },
  });
  for (const role of roles) {
    if (held.includes(role)) continue;
    const excluded = held.filter((other) => excludes(role, other));
    const rest = held.filter((other) => !excluded.includes(other));
    const instead = excluded.length === 0 ? "" : ` instead of ${excluded.join(", ")}`;
    yield withRoles([...rest, role], `with the role ${role}${instead}`);
  }
  for (const role of held) {
    yield withRoles(
      held.filter((other) => other !== role),
      `without the role ${role}`,
    );
  }
}

const excludes = (one: Role, other: Role) =>
  conflictSets.some((conflicting) => conflicting.includes(one) && conflicting.includes(other));

function* walkPlans(request: AuthorizationRequest): Iterable<Change> {
  const { plan } = request.context;
  if (plan === undefined) return;
  const withPlan = (next: Partial<PlanPrediction>, sentence: string): Change => ({
    kind: "plan",
    sentence,
    request: { ...request, context: { ...request.context, plan: { ...plan, ...next } } },
  });
  if (plan.irreversible.length > 0) {
    yield withPlan({ irreversible: [] }, "with a plan that makes nothing irreversible");
  }
  if (plan.destroysState)
    yield withPlan({ destroysState: false }, "with a plan that loses no state");
  if (plan.downtime) yield withPlan({ downtime: false }, "with a plan without downtime");
  if (plan.diskBytes > 0) yield withPlan({ diskBytes: 0 }, "with a plan that needs no disk space");
}

function* walkBreakGlass(request: AuthorizationRequest): Iterable<Change> {
  const breakGlass = !request.context.breakGlass;
  yield {
    kind: "break-glass",
    sentence: breakGlass ? "with the glass broken" : "without breaking the glass",
    request: { ...request, context: { ...request.context, breakGlass } },
  };
}

function* walkLabels(request: AuthorizationRequest, known: readonly string[]): Iterable<Change> {
  yield* walkResourceLabels(request, known);
  const { principal } = request;
  const toRequest = (labels: readonly string[]) => ({
    ...request,
    principal: { ...principal, labels } satisfies Principal,
  });
  yield* walkSets(principal.labels ?? [], known, `account ${principal.id}`, toRequest);
}

function* walkResourceLabels(
  request: AuthorizationRequest,
  known: readonly string[],
): Iterable<Change> {
  const { resource } = request;
  const toRequest = (changed: Resource) => ({ ...request, resource: changed });
  if (resource.kind === "vm") {
    yield* walkSets(resource.labels, known, `VM ${resource.name}`, (labels) =>
      toRequest({ ...resource, labels }),
    );
    yield* walkSets(resource.hostLabels ?? [], [], `host ${resource.host}`, (hostLabels) =>
      toRequest({ ...resource, hostLabels }),
    );
  }
  if (resource.kind === "host") {
    yield* walkSets(resource.labels ?? [], known, `host ${resource.id}`, (labels) =>
      toRequest({ ...resource, labels }),
    );
  }
}

/** The labels with one removed, then with one of `known` added. */
function* walkSets(
  held: readonly string[],
  known: readonly string[],
  bearer: string,
  toRequest: (labels: readonly string[]) => AuthorizationRequest,
): Iterable<Change> {
  for (const label of held) {
    const request = toRequest(held.filter((other) => other !== label));
    yield { kind: "label", sentence: `without the label ${label} on ${bearer}`, request };
  }
  for (const label of known) {
    if (held.includes(label)) continue;
    const request = toRequest([...held, label]);
    yield { kind: "label", sentence: `with the label ${label} on ${bearer}`, request };
  }
}

function* walkNetworks(request: AuthorizationRequest): Iterable<Change> {
  const { resource } = request;
  if (resource.kind !== "vm") return;
  for (const network of resource.networks) {
    const networks = resource.networks.filter((other) => other !== network);
    yield {
      kind: "network",
      sentence: `with VM ${resource.name} off the network ${network}`,
      request: { ...request, resource: { ...resource, networks } },
    };
  }
}

function* walkPersons(request: AuthorizationRequest): Iterable<Change> {
  const { principal, resource } = request;
  if (resource.kind !== "account" && resource.kind !== "request") return;
  const owner = resource.kind === "account" ? resource.person : resource.requester;
  const isOwn = owner === principal.person;
  const person = isOwn ? strangerTo(request, 1) : owner;
  const whose = resource.kind === "account" ? "whose account it is" : "who made the request";
  yield {
    kind: "person",
    sentence: isOwn ? "to another person" : `to the person ${whose}`,
    request: { ...request, principal: { ...principal, person } },
  };
}

function* walkSources(request: AuthorizationRequest): Iterable<Change> {
  for (const source of sources) {
    if (source === request.context.source) continue;
    yield {
      kind: "source",
      sentence: `from the source ${source}`,
      request: { ...request, context: { ...request.context, source } },
    };
  }
}

/** A person that the request does not know. */
function strangerTo({ principal, context }: AuthorizationRequest, number: number): string {
  const taken = new Set([principal.person, ...context.approvals.map(({ person }) => person)]);
  let person = `another person ${number}`;
  while (taken.has(person)) person += "'";
  return person;
}
