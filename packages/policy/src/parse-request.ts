import type { ErrorCode } from "@casemate/core";
import { actions, entityTypes, type ResourceKind } from "./actions.ts";
import {
  type AuthorizationRequest,
  type Principal,
  type Resource,
  sources,
} from "./authorization-request.ts";
import { Fields } from "./fields.ts";
import { roles } from "./roles.ts";

const requestKeys = ["principal", "action", "resource", "context"] as const;

const resourceKeys: Readonly<Record<ResourceKind, readonly string[]>> = {
  vm: ["kind", "uuid", "name", "host", "hostLabels", "networks", "labels"],
  host: ["kind", "id", "labels"],
  account: ["kind", "id", "person"],
  request: ["kind", "id", "requester", "action"],
  system: ["kind"],
};

const contextKeys = ["plan", "approvals", "breakGlass", "dataClasses", "source", "asks"] as const;
const planKeys = ["destroysState", "irreversible", "downtime", "diskBytes"] as const;

/**
 * A request as people write it in JSON: what is left out is the plainest there is (no role, no second factor,
 * a VM without labels, no approvals, from the API).
 *
 * Throws `code` for keys nobody knows and values of the wrong kind; `what` names the request in the sentence.
 */
export function parseRequest(
  value: unknown,
  what: string,
  code: ErrorCode = "policy/invalid-request",
): AuthorizationRequest {
  const fields = new Fields(value, requestKeys, what, code);
  const action = fields.choice(
    "action",
    actions.map(({ id }) => id),
  );
  const given = fields.has("resource");
  // The kind is taken from a first look, for the keys that are known hang on it.
  const kinds = Object.values(resourceKeys).flat();
  const [usual] = actions.find(({ id }) => id === action)?.on ?? [];
  const kind = given
    ? fields.object("resource", kinds).choice("kind", kindsOf(), usual)
    : (usual ?? "system");
  return {
    principal: parsePrincipal(
      fields.object("principal", ["id", "person", "roles", "mfa", "labels"], true),
    ),
    action,
    resource: parseResource(kind, fields.object("resource", resourceKeys[kind], !given)),
    context: parseContext(fields.object("context", contextKeys, true)),
  };
}

const kindsOf = () => Object.keys(entityTypes) as ResourceKind[]; // a Record's keys are its keys

function parsePrincipal(fields: Fields): Principal {
  const id = fields.string("id", "somebody");
  return {
    id,
    person: fields.string("person", id),
    roles: fields.choices("roles", roles, []),
    mfa: fields.boolean("mfa", false),
    ...(fields.has("labels") ? { labels: fields.strings("labels") } : {}),
  };
}

function parseResource(kind: ResourceKind, fields: Fields): Resource {
  switch (kind) {
    case "vm": {
      const name = fields.string("name", "vm");
      return {
        kind,
        uuid: fields.string("uuid", name),
        name,
        host: fields.string("host", "host"),
        ...(fields.has("hostLabels") ? { hostLabels: fields.strings("hostLabels") } : {}),
        networks: fields.strings("networks", []),
        labels: fields.strings("labels", []),
      };
    }
    case "host": {
      const id = fields.string("id", "host");
      return { kind, id, ...(fields.has("labels") ? { labels: fields.strings("labels") } : {}) };
    }
    case "account": {
      const id = fields.string("id", "another");
      return { kind, id, person: fields.string("person", id) };
    }
    case "request":
      return {
        kind,
        id: fields.string("id", "request"),
        requester: fields.string("requester", "another"),
        action: fields.string("action", "vm.restore"),
      };
    case "system":
      return { kind };
  }
}

function parseContext(fields: Fields): AuthorizationRequest["context"] {
  const approvals = fields.objects("approvals", ["role", "person"]).map((approval) => ({
    role: approval.choice("role", roles),
    person: approval.string("person"),
  }));
  return {
    ...(fields.has("plan") ? { plan: parsePlan(fields.object("plan", planKeys)) } : {}),
    approvals,
    breakGlass: fields.boolean("breakGlass", false),
    dataClasses: fields.strings("dataClasses", []),
    source: fields.choice("source", sources, "api"),
    ...(fields.has("asks") ? { asks: fields.count("asks") } : {}),
  };
}

function parsePlan(fields: Fields): NonNullable<AuthorizationRequest["context"]["plan"]> {
  return {
    destroysState: fields.boolean("destroysState", false),
    irreversible: fields.strings("irreversible", []),
    downtime: fields.boolean("downtime", false),
    diskBytes: fields.count("diskBytes", 0),
  };
}
