import { CasemateError, isNonEmpty } from "@casemate/core";
import type { AuthorizationRequest } from "./authorization-request.ts";
import { type AuthorizationAnswer, preparsePolicySet, statefulIsAuthorized } from "./cedar.ts";
import { type CedarRequest, toCedarRequest } from "./cedar-request.ts";
import type { DecidingPolicy, Decision } from "./decision.ts";
import { type Explanation, explain } from "./explain.ts";
import { findMistake } from "./find-mistake.ts";
import { findMentions, type Mentions, trimRequest } from "./mentions.ts";
import type { LoadedPolicy, PolicySet } from "./policy-set.ts";
import { type Candidate, findCandidates, sliceKey, slicePolicies } from "./policy-slice.ts";
import { conflictSets } from "./roles.ts";

/** Policies under the name by which Cedar keeps them prepared; it calls them `policy0`, `policy1`, … in their order. */
interface Prepared {
  readonly name: string;
  readonly mentions: Mentions;
  readonly policies: readonly LoadedPolicy[];
}

/** What Cedar says: who permits or forbids, or why it cannot say. */
type Verdict =
  | { readonly kind: "allow" | "deny"; readonly policies: readonly LoadedPolicy[] }
  | {
      readonly kind: "error";
      readonly policies: readonly LoadedPolicy[];
      readonly because: string;
    };

/** How many slices are kept prepared: some dozen are in use, but who sets labels could make them any number. */
const SLICES = 500;

let engines = 0;

/**
 * Decides requests by a policy set. Cedar alone decides; a request or a policy that cannot be evaluated is
 * denied.
 *
 * Cedar keeps what was prepared for the life of the process: make one engine and `replace` its set.
 */
export class PolicyEngine {
  readonly #name = `casemate:${++engines}`;
  readonly #candidates = new Map<string, readonly Candidate[]>();
  readonly #slices = new Map<string, Prepared>();
  #set: PolicySet;

  constructor(set: PolicySet) {
    this.#set = set;
  }

  /** The version of the set that decides now: sha256 in hexadecimal. */
  get version(): string {
    return this.#set.version;
  }

  /** The set that decides now. */
  get policies(): PolicySet {
    return this.#set;
  }

  /** Decides by `set` from now on. */
  replace(set: PolicySet): void {
    this.#set = set;
    this.#candidates.clear();
    this.#slices.clear();
  }

  /** May this be done? Never throws: what cannot be decided is denied. */
  authorize(request: AuthorizationRequest): Decision {
    const because = findConflict(request) ?? findMistake(request);
    if (because !== undefined) return denied([], because);
    const asked = toCedarRequest(request);
    const [principal, resource] = asked.entities;
    const slice = slicePolicies(this.#findCandidates(request), principal, resource);
    const verdict = evaluate(asked, this.#prepare(slice));
    if (verdict.kind === "error") return denied(verdict.policies, verdict.because);
    const { policies } = verdict;
    if (verdict.kind === "allow") {
      const permits = policies.map(toDecidingPolicy);
      if (isNonEmpty(permits)) return { kind: "permitted", policies: permits };
      return denied([], describeFailure(["no policy is named that permits it"]));
    }
    const limits = policies.filter(({ duty }) => duty === undefined);
    if (limits.length > 0) return denied(limits, describeLimits(limits));
    const duties = policies.flatMap(({ duty }) => duty ?? []);
    if (!isNonEmpty(duties)) return denied([], nothingPermits(request));
    // Cedar named every forbid that holds, and all are duties: with them fulfilled, the permits decide.
    const permits = slice.filter(({ policy }) => policy.effect === "permit");
    const fulfilled = evaluate(asked, this.#prepare(permits));
    if (fulfilled.kind === "error") return denied(fulfilled.policies, fulfilled.because);
    const deciding = [...policies, ...fulfilled.policies].map(toDecidingPolicy);
    if (fulfilled.kind === "deny" || !isNonEmpty(deciding)) {
      return denied([], nothingPermits(request));
    }
    return { kind: "needs-approval", duties, policies: deciding };
  }

  /** The decision, and the smallest change that would have turned a denial into a permission. */
  explain(request: AuthorizationRequest): Explanation {
    return explain(request, this.#set.labels, (each) => this.authorize(each));
  }

  #findCandidates(request: AuthorizationRequest): readonly Candidate[] {
    const key = sliceKey(request);
    const known = this.#candidates.get(key);
    if (known !== undefined) return known;
    const found = findCandidates(this.#set.policies, request);
    this.#candidates.set(key, found);
    return found;
  }

  #prepare(slice: readonly Candidate[]): Prepared {
    const key = slice.map(({ index }) => index).join();
    const known = this.#slices.get(key);
    if (known !== undefined) return known;
    if (this.#slices.size === SLICES) this.#slices.clear();
    // Names are used again, for Cedar forgets a set only when another takes its name.
    const name = `${this.#name}:${this.#slices.size}`;
    const prepared = prepare(
      name,
      slice.map(({ policy }) => policy),
    );
    this.#slices.set(key, prepared);
    return prepared;
  }
}

/**
 * Asks Cedar. The schema stays away: the policies were checked against it when they were loaded, requests are
 * of its shape by their type and `findMistake`, and Cedar would take a third of the time to check that again.
 */
function evaluate(asked: CedarRequest, { name, mentions, policies }: Prepared): Verdict {
  let answer: AuthorizationAnswer;
  try {
    answer = statefulIsAuthorized({
      ...trimRequest(asked, mentions),
      preparsedPolicySetId: name,
      validateRequest: false,
    });
  } catch (thrown) {
    // A value that is no Cedar value, or a trap in WebAssembly: the sentence of the denial says it.
    return { kind: "error", policies: [], because: describeFailure([String(thrown)]) };
  }
  if (answer.type === "failure") {
    const because = describeFailure(answer.errors.map(({ message }) => message));
    return { kind: "error", policies: [], because };
  }
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) {
    // Cedar passes over a policy it cannot evaluate; were it a forbid, that would permit.
    const because = describeFailure(diagnostics.errors.map(({ error }) => error.message));
    const failed = diagnostics.errors.map(({ policyId }) => policyId);
    return { kind: "error", policies: resolve(failed, policies), because };
  }
  return { kind: decision, policies: resolve(diagnostics.reason, policies) };
}

function denied(policies: readonly LoadedPolicy[], because: string): Decision {
  return { kind: "denied", policies: policies.map(toDecidingPolicy), because };
}

function describeFailure(words: readonly string[]): string {
  return `It could not be decided: ${words.join("; ")}.`;
}

function describeLimits(limits: readonly LoadedPolicy[]): string {
  return `Forbidden: ${limits.map(({ id, reason }) => reason ?? id).join("; ")}.`;
}

function nothingPermits({ principal, action }: AuthorizationRequest): string {
  const held = principal.roles.length === 0 ? "without a role" : `as ${principal.roles.join(", ")}`;
  return `No policy permits ${action} to ${principal.id} ${held}.`;
}

/** What a principal with roles that exclude each other is told: such an account should not be there. */
function findConflict({ principal }: AuthorizationRequest): string | undefined {
  const both = conflictSets
    .map((conflicting) => conflicting.filter((role) => principal.roles.includes(role)))
    .find(({ length }) => length > 1);
  return both && `The roles ${both.join(" and ")} exclude each other, ${principal.id} has both.`;
}

function toDecidingPolicy({ id, effect, file, line, reason }: LoadedPolicy): DecidingPolicy {
  return { id, effect, file, line, ...(reason === undefined ? {} : { reason }) };
}

function prepare(name: string, policies: readonly LoadedPolicy[]): Prepared {
  // As one text: to parse it takes a fifth of the time that the same policies take one by one.
  const answer = preparsePolicySet(name, {
    staticPolicies: policies.map(({ text }) => text).join("\n"),
  });
  if (answer.type === "success") {
    return { name, mentions: findMentions(policies.map(({ json }) => json)), policies };
  }
  // Each was parsed when the set was made, so this is a defect.
  throw new CasemateError(
    "internal",
    `Cannot prepare policies: ${answer.errors.map(({ message }) => message).join("; ")}.`,
  );
}

/** The policies that Cedar means by its ids, in the order of their files and lines. */
function resolve(
  ids: readonly string[],
  policies: readonly LoadedPolicy[],
): readonly LoadedPolicy[] {
  const named = new Set(ids);
  return policies.filter((_, index) => named.has(`policy${index}`));
}
