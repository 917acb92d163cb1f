import type { DomainDescription, HostAgent } from "@casemate/agent";
import { CasemateError } from "@casemate/core";
import type {
  AuthorizationRequest,
  Decision,
  PolicyEngine,
  Resource,
  Source,
} from "@casemate/policy";
import type { Principal } from "../accounts/principal.ts";
import { isInScope } from "../accounts/scope.ts";
import type { Plan, Target } from "./plan.ts";
import type { Approval } from "./request.ts";
import type { RecordedDecision } from "./request-facts.ts";

/** A VM as the policy sees it. */
export type VmResource = Extract<Resource, { readonly kind: "vm" }>;

/** What somebody wants to do, and what speaks for it. */
export interface Wanted {
  readonly principal: Principal;
  readonly actions: readonly string[];
  readonly resource: Resource;
  readonly plan?: Plan | undefined;
  readonly approvals?: readonly Approval[];
  readonly breakGlass?: boolean;
  readonly dataClasses?: readonly string[];
  readonly source?: Source;
  /** How many security officers the rule asks that wants it. */
  readonly asks?: number;
}

/** The policy's word on what one principal wants, with the scopes of their credential. */
export class Gate {
  readonly #engine: PolicyEngine;

  constructor(engine: PolicyEngine) {
    this.#engine = engine;
  }

  /** What the policy says of all of the actions together: the worst of it. */
  decide(wanted: Wanted): RecordedDecision {
    const { principal, actions } = wanted;
    const outside = actions.find((action) => !isInScope(action, principal.scopes));
    if (outside !== undefined) {
      const because = `The credential in use is not for ${outside}.`;
      return { kind: "denied", policies: [], duties: [], because };
    }
    const decisions = actions.map((action) => this.#engine.authorize(requestFor(wanted, action)));
    return combine(decisions);
  }

  /** Throws `auth/denied` where the policy does not permit it as it is. */
  verify(wanted: Wanted): void {
    const { kind, because } = this.decide(wanted);
    if (kind === "permitted") return;
    const [action = "this"] = wanted.actions;
    throw new CasemateError(
      "auth/denied",
      `Cannot do ${action} as ${wanted.principal.account}: ${because ?? "the policy asks for an approval first."}`,
    );
  }
}

/** What the policy decides about. */
export async function resourceOf(
  target: Target,
  host: HostAgent | undefined,
  signal?: AbortSignal,
): Promise<Resource> {
  if (host === undefined || target.kind === "system") return { kind: "system" };
  if (target.kind === "host") return newVmOn(host);
  return vmResource(await host.hypervisor.domains.find(target.uuid, signal), host);
}

/** A VM as the policy sees it. */
export function vmResource(
  { uuid, name, labels, nics }: DomainDescription,
  { id }: HostAgent,
): VmResource {
  const networks = nics.flatMap(({ source }) =>
    source.kind === "network" ? [source.network] : [],
  );
  return { kind: "vm", uuid, name, host: id, networks, labels };
}

/** A VM that is not there yet. */
function newVmOn({ id }: HostAgent): Resource {
  return { kind: "vm", uuid: "", name: "", host: id, networks: [], labels: [] };
}

function requestFor(wanted: Wanted, action: string): AuthorizationRequest {
  const { principal, resource, plan } = wanted;
  const { approvals = [], breakGlass = false, dataClasses = [], source = "api", asks = 0 } = wanted;
  const { id, person, roles, mfa } = principal;
  return {
    principal: { id, person, roles, mfa },
    action,
    resource,
    context: {
      ...(plan === undefined
        ? {}
        : {
            plan: {
              destroysState: plan.destroysState,
              irreversible: plan.irreversible,
              downtime: plan.downtime,
              diskBytes: plan.diskBytes,
            },
          }),
      approvals: approvals.flatMap(({ roles, person }) => roles.map((role) => ({ role, person }))),
      breakGlass,
      dataClasses,
      source,
      asks,
    },
  };
}

function combine(decisions: readonly Decision[]): RecordedDecision {
  const policies = [...new Set(decisions.flatMap((each) => each.policies.map(({ id }) => id)))];
  const denied = decisions.find((each) => each.kind === "denied");
  if (denied !== undefined) {
    return { kind: "denied", policies, duties: [], because: denied.because };
  }
  const duties = new Map(
    decisions.flatMap((each) =>
      each.kind === "needs-approval" ? each.duties.map((duty) => [duty.policy, duty] as const) : [],
    ),
  );
  if (duties.size === 0) return { kind: "permitted", policies, duties: [], because: null };
  return { kind: "needs-approval", policies, duties: [...duties.values()], because: null };
}
