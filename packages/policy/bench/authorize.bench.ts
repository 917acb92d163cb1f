/**
 * Deciding a request by 500 policies over an inventory of 10,000 entities, beside Cedar's plain call with
 * everything passed and beside Cedar with everything but the entities prepared.
 *
 * Times are wall-clock, in milliseconds: of single calls as they came, and of each request's best of five, which
 * is what it takes when nothing else wants the processor. The limit is held against the latter.
 */

import {
  type EntityJson,
  isAuthorized,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
} from "../src/cedar.ts";
import { toCedarRequest } from "../src/cedar-request.ts";
import {
  type AuthorizationRequest,
  actions,
  PolicyEngine,
  type Principal,
  parsePolicies,
  type Resource,
  readPolicyFiles,
  roles,
  shippedPolicyDirectory,
} from "../src/index.ts";
import { buildSiteRules } from "../test/site-rules.ts";

const POLICIES = 500;
const VMS = 8_000;
const USERS = 2_000;
const REQUESTS = 4_000;
const RUNS = 5;
const PLAIN_REQUESTS = 10;
const LIMIT_MS = 1;

const shipped = await readPolicyFiles(shippedPolicyDirectory);
const counted = parsePolicies(shipped).set?.policies.length ?? 0;
const { set, problems } = parsePolicies([...shipped, buildSiteRules(POLICIES - counted)]);
if (set === undefined) throw new Error(JSON.stringify(problems[0]));

const vms: readonly Resource[] = Array.from({ length: VMS }, (_, index) => ({
  kind: "vm",
  uuid: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
  name: `${index % 3 === 0 ? "db" : "web"}${index % 500}-${index}`,
  host: `host${index % 40}`,
  networks: [`net${index % 20}`, "default"],
  labels: [`team${index % 50}`, ...(index % 10 === 0 ? ["confidential"] : [])],
}));
const users: readonly Principal[] = Array.from({ length: USERS }, (_, index) => ({
  id: `account:user${index}`,
  person: `person${index}`,
  roles: [roles[index % roles.length] ?? "operator"],
  mfa: index % 2 === 0,
}));
const asked = actions.filter(({ on }) => on.includes("vm")).map(({ id }) => id);

/** The same requests every time: a linear congruential generator (Numerical Recipes) picks. */
let state = 1;
const pick = <T>(items: readonly T[]): T => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  const item = items[Math.floor((state / 2 ** 32) * items.length)];
  if (item === undefined) throw new Error("Cannot pick from an empty list.");
  return item;
};
const nextRequest = (): AuthorizationRequest => ({
  principal: pick(users),
  action: pick(asked),
  resource: pick(vms),
  context: {
    plan: { destroysState: false, irreversible: [], downtime: true, diskBytes: 1 << 20 },
    approvals: [],
    breakGlass: false,
    dataClasses: [],
    source: "api",
  },
});

interface Times {
  /** Of every call, sorted. */
  readonly single: readonly number[];
  /** The best of each request, sorted. */
  readonly best: readonly number[];
}

function measure(
  requests: number,
  runs: number,
  work: (request: AuthorizationRequest) => unknown,
): Times {
  const times = Array.from({ length: requests }, () => {
    const request = nextRequest();
    return Array.from({ length: runs }, () => {
      const started = performance.now();
      work(request);
      return performance.now() - started;
    });
  });
  const sort = (list: number[]) => list.sort((a, b) => a - b);
  return { single: sort(times.flat()), best: sort(times.map((each) => Math.min(...each))) };
}

const at = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

const engine = new PolicyEngine(set);
const started = performance.now();
let prepared = 0;
for (const action of asked) {
  for (const principal of users.slice(0, roles.length)) {
    engine.authorize({ ...nextRequest(), action, principal });
    prepared += 1;
  }
}
const preparing = performance.now() - started;
measure(500, 1, (request) => engine.authorize(request));

const tally: Record<string, number> = {};
const ours = measure(REQUESTS, RUNS, (request) => {
  const { kind } = engine.authorize(request);
  tally[kind] = (tally[kind] ?? 0) + 1;
});

const entities = new Map<string, EntityJson>();
for (const resource of vms) addAll({ ...nextRequest(), resource });
for (const principal of users) addAll({ ...nextRequest(), principal });
function addAll(request: AuthorizationRequest): void {
  for (const each of toCedarRequest(request).entities) entities.set(JSON.stringify(each.uid), each);
}
const everything = [...entities.values()];
const policies = {
  staticPolicies: Object.fromEntries(set.policies.map(({ id, text }) => [id, text])),
};
const plain = measure(PLAIN_REQUESTS, 1, (request) =>
  isAuthorized({
    ...toCedarRequest(request),
    entities: everything,
    schema: set.schema,
    validateRequest: true,
    policies,
  }),
);
preparsePolicySet("bench", policies);
preparseSchema("bench", set.schema);
const stateful = measure(500, RUNS, (request) =>
  statefulIsAuthorized({
    ...toCedarRequest(request),
    preparsedPolicySetId: "bench",
    preparsedSchemaName: "bench",
    validateRequest: true,
  }),
);

console.log(`${set.policies.length} policies, ${everything.length} entities`);
console.log(`decisions, each request ${RUNS} times: ${JSON.stringify(tally)}`);
const rows = [
  ["what", "p50", "p99", "best p50", "best p99"],
  ...(
    [
      ["authorize", ours],
      ["cedar, all prepared, entities sliced", stateful],
      ["cedar, plain call with everything", plain],
    ] as const
  ).map(([what, { single, best }]) => [
    what,
    ...[single, best].flatMap((times) => [0.5, 0.99].map((share) => at(times, share).toFixed(3))),
  ]),
];
for (const [what = "", ...cells] of rows) {
  console.log(what.padEnd(38) + cells.map((cell) => cell.padStart(11)).join(""));
}
const p99 = at(ours.best, 0.99);
console.log(
  `first requests of ${prepared} kinds: ${(preparing / prepared).toFixed(1)} ms each, with the preparation of their policies`,
);
console.log(
  `p99 against the limit of ${LIMIT_MS} ms: ${(p99 / LIMIT_MS).toFixed(2)}; the plain call takes ` +
    `${Math.round(at(plain.best, 0.5) / at(ours.best, 0.5))} times as long`,
);
if (p99 >= LIMIT_MS) process.exitCode = 1;
