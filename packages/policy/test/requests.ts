import fc from "fast-check";
import {
  type AuthorizationRequest,
  actions,
  conflictSets,
  type Resource,
  type ResourceKind,
  type Role,
  roles,
  sources,
} from "../src/index.ts";

const persons = ["alice", "bob", "carol"] as const;
const labels = ["confidential", "quarantined", "team1", "team2"] as const;

const person = fc.constantFrom(...persons);
const someLabels = fc.uniqueArray(fc.constantFrom(...labels), { maxLength: 2 });

/** Sets of roles that one person may hold. */
const heldRoles: fc.Arbitrary<readonly Role[]> = fc
  .uniqueArray(fc.constantFrom(...roles), { maxLength: 2 })
  .filter((held) => conflictSets.every((each) => !each.every((role) => held.includes(role))));

const resources: Readonly<Record<ResourceKind, fc.Arbitrary<Resource>>> = {
  vm: fc.record({
    kind: fc.constant("vm"),
    uuid: fc.constant("00000000-0000-4000-8000-000000000001"),
    name: fc.constantFrom("web1-1", "db4-1"),
    host: fc.constant("host1"),
    hostLabels: someLabels,
    networks: fc.constant(["default"]),
    labels: someLabels,
  }),
  host: fc.record({ kind: fc.constant("host"), id: fc.constant("host1"), labels: someLabels }),
  account: fc.record({ kind: fc.constant("account"), id: person, person }),
  request: fc.record({
    kind: fc.constant("request"),
    id: fc.constant("1"),
    requester: person,
    action: fc.constantFrom("vm.restore", "policy.change"),
  }),
  system: fc.constant({ kind: "system" }),
};

const plan = fc.record({
  destroysState: fc.boolean(),
  irreversible: fc.constantFrom([], ["The saved state is used up."]),
  downtime: fc.boolean(),
  diskBytes: fc.constantFrom(0, 400),
});

const context: fc.Arbitrary<AuthorizationRequest["context"]> = fc.record(
  {
    plan,
    approvals: fc.array(fc.record({ role: fc.constantFrom(...roles), person }), { maxLength: 3 }),
    breakGlass: fc.boolean(),
    dataClasses: fc.constantFrom([], ["userMemory"]),
    source: fc.constantFrom(...sources),
  },
  { requiredKeys: ["approvals", "breakGlass", "dataClasses", "source"] },
);

/** Any request that Casemate could make, with few names, so that they meet. */
export const anyRequest: fc.Arbitrary<AuthorizationRequest> = fc
  .constantFrom(...actions)
  .chain((action) =>
    fc.record({
      principal: fc.record(
        { id: person, person, roles: heldRoles, mfa: fc.boolean(), labels: someLabels },
        { requiredKeys: ["id", "person", "roles", "mfa"] },
      ),
      action: fc.constant(action.id),
      resource: fc.constantFrom(...action.on).chain((kind) => resources[kind]),
      context,
    }),
  );
