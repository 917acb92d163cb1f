export {
  type Action,
  type ActionGroup,
  actionGroups,
  actions,
  isAction,
  type ResourceKind,
  walkGroups,
} from "./actions.ts";
export {
  type Approval,
  type AuthorizationRequest,
  type PlanPrediction,
  type Principal,
  type Resource,
  type Source,
  sources,
} from "./authorization-request.ts";
export type { Change } from "./changes.ts";
export type { DecidingPolicy, Decision, Duty } from "./decision.ts";
export type { Explanation } from "./explain.ts";
export { joinDuties } from "./join-duties.ts";
export { checkPolicies, describeProblem, loadPolicies, readPolicyFiles } from "./load-policies.ts";
export { type ParsedPolicies, parsePolicies } from "./parse-policies.ts";
export { parseRequest } from "./parse-request.ts";
export {
  type PolicyCase,
  type PolicyCaseResult,
  parsePolicyCases,
  runPolicyCase,
} from "./policy-case.ts";
export { PolicyEngine } from "./policy-engine.ts";
export type { LoadedPolicy, PolicyFile, PolicyProblem, PolicySet } from "./policy-set.ts";
export { conflictSets, isRole, type Role, roles, verifyRoles } from "./roles.ts";
export { shippedPolicyDirectory } from "./shipped-policy-directory.ts";
