import type { HostAgent } from "@casemate/agent";
import { CasemateError, type JsonValue } from "@casemate/core";
import type { Resource } from "@casemate/policy";
import type { Principal } from "../accounts/principal.ts";
import { keyedQueue } from "../keyed-queue.ts";
import { resourceOf } from "./gate.ts";
import type { Operation } from "./operation.ts";
import { hashOf, type Plan, sealPlan, type Target } from "./plan.ts";
import {
  isOpen,
  type OperationRequest,
  type RequestOrigin,
  sourceOf,
  validApprovals,
} from "./request.ts";
import { awaiting, denied, notOpen } from "./request-errors.ts";
import { type RecordedDecision, requestFacts } from "./request-facts.ts";
import { lockKey, RequestRunner, type Running } from "./request-runner.ts";
import type { SpineParts } from "./spine-parts.ts";
import { validParameters } from "./valid-parameters.ts";
import { verifyYes, type Yes } from "./verify-yes.ts";

/** What somebody asks for. */
export interface Order {
  /** A UUID of the requester's choice: the same one again is the same request. */
  readonly id: string;
  readonly operation: string;
  readonly target: Target;
  readonly parameters: unknown;
  readonly principal: Principal;
  /** Why it is done past the approvals that it needs; undefined where it is not. */
  readonly breakGlass?: string;
  /** The rule that asks for it; undefined where a person does. */
  readonly origin?: RequestOrigin;
}

/**
 * The one way to change anything: plan, authorize, approve, execute, verify, record.
 *
 * What cannot be recorded does not happen.
 */
export class Spine implements AsyncDisposable {
  readonly #parts: SpineParts;
  readonly #runner: RequestRunner;
  readonly #submitting = new Map<string, Promise<OperationRequest>>();
  /** What is said of one request, one after the other: each word counts with those before it. */
  readonly #said = keyedQueue();

  constructor(parts: SpineParts) {
    this.#parts = parts;
    this.#runner = new RequestRunner(parts);
  }

  get runner(): RequestRunner {
    return this.#runner;
  }

  /** What it would do, and what the policy says of that. Changes and records nothing. */
  async preview(
    order: Order,
    signal: AbortSignal,
  ): Promise<{ readonly plan: Plan; readonly decision: RecordedDecision }> {
    const prepared = await this.#prepare(order, signal);
    if (prepared.plan !== undefined) return { plan: prepared.plan, decision: prepared.decision };
    throw denied(order, order.principal, prepared.decision.because);
  }

  /**
   * Takes a request; what needs no approval begins at once.
   *
   * Throws `operation/unknown`, `operation/refused`, `request/id-used`, `usage`, `vm/unknown`.
   */
  async submit(order: Order, signal: AbortSignal): Promise<OperationRequest> {
    const underWay = this.#submitting.get(order.id);
    if (underWay !== undefined) {
      await underWay;
      return this.#same(order, await this.#parts.requests.get(order.id));
    }
    const submitting = this.#submit(order, signal);
    this.#submitting.set(order.id, submitting);
    try {
      return await submitting;
    } finally {
      this.#submitting.delete(order.id);
    }
  }

  /**
   * One person's yes to the plan that has `planHash`; with the last that is needed the request begins.
   *
   * Throws `request/unknown`, `request/not-open`, `request/changed`, `request/own`.
   */
  approve(id: string, yes: Yes, signal: AbortSignal): Promise<OperationRequest> {
    return this.#said(id, () => this.#approve(id, yes, signal));
  }

  async #approve(id: string, yes: Yes, signal: AbortSignal): Promise<OperationRequest> {
    const { facts, requests, gate } = this.#parts;
    const { principal, planHash, signature } = yes;
    const request = await this.#awaiting(id, "approve");
    const plan = verifyYes(request, yes);
    const host = this.#hostOf(request.target);
    const resource = await resourceOf(request.target, host, signal);
    gate.verify({ principal, actions: ["request.approve"], resource: asResource(request) });
    const now = Date.now();
    const lifetime = Math.min(...request.duties.map(({ expiresAfter }) => expiresAfter));
    const { account, person, roles } = principal;
    const given = {
      ...{ account, person, roles, planHash, signature },
      expiresAt: new Date(now + lifetime).toISOString(),
    };
    const requester = await this.#parts.principalOf(request.requester.account);
    if (requester === undefined) {
      throw new CasemateError(
        "request/not-open",
        `Cannot approve request ${id}: the account ${request.requester.account} may not act any more.`,
      );
    }
    const operation = this.#operation(request.operation);
    const decision = gate.decide({
      principal: requester,
      actions: operation.needs(plan.parameters),
      resource,
      plan,
      approvals: [
        ...validApprovals(request, planHash),
        { ...given, at: new Date(now).toISOString() },
      ],
      breakGlass: request.breakGlass,
      ...sourceOf(request.origin),
    });
    await facts.record(requestFacts.approved(id, request.target, given, decision));
    return await this.#proceed(await requests.get(id), operation, host);
  }

  /** Throws `request/unknown`, `request/not-open`, `auth/denied`. */
  reject(id: string, principal: Principal, reason: string): Promise<OperationRequest> {
    return this.#said(id, async () => {
      const request = await this.#awaiting(id, "reject");
      const resource = asResource(request);
      this.#parts.gate.verify({ principal, actions: ["request.approve"], resource });
      return await this.#close(request, principal.id, "rejected", reason);
    });
  }

  /**
   * Ends a request that has not begun, or asks one that runs to stop; what became of it says its state.
   *
   * Throws `request/unknown`, `request/not-open`, `auth/denied`.
   */
  async cancel(id: string, principal: Principal): Promise<OperationRequest> {
    const { requests, gate } = this.#parts;
    const request = await requests.get(id);
    if (!isOpen(request.state)) throw notOpen(request, "cancel");
    if (principal.person !== request.requester.person) {
      gate.verify({ principal, actions: ["request.cancel"], resource: asResource(request) });
    }
    const closed = await this.#said(id, async () => {
      if (this.#runner.cancel(id)) return undefined;
      const now = await requests.get(id);
      if (!isOpen(now.state) || now.state === "running") throw notOpen(now, "cancel");
      return await this.#close(now, principal.id, "cancelled", "It was cancelled.");
    });
    return closed ?? (await this.#runner.ended(id));
  }

  /** The request as soon as it waits for nobody but a person, or as it is when the signal is aborted. */
  async settled(id: string, signal: AbortSignal): Promise<OperationRequest> {
    return await this.#runner.ended(id, signal);
  }

  /** What runs now, with how far it is. */
  running(id: string): Running | undefined {
    return this.#runner.running(id);
  }

  /** Closes requests that nobody approved in time. */
  async expire(olderThan: Date): Promise<void> {
    const waiting = await this.#parts.requests.list({
      states: ["awaiting-approval"],
      limit: 1_000,
    });
    for (const request of waiting) {
      if (request.changedAt >= olderThan.toISOString()) continue;
      await this.#said(request.id, async () => {
        const { state } = await this.#parts.requests.get(request.id);
        if (state !== "awaiting-approval") return;
        await this.#close(request, "system", "expired", "Nobody approved it in time.");
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner[Symbol.asyncDispose]();
  }

  /**
   * The answer of a request that has one for its requester alone, as a look into a VM.
   *
   * @param given what its execution goes by besides, which is recorded nowhere
   *
   * Throws `request/awaiting-approval`, `request/not-open`, `auth/denied`, and what the operation throws.
   */
  async answer(
    id: string,
    principal: Principal,
    signal: AbortSignal,
    given?: unknown,
  ): Promise<unknown> {
    const request = await this.#parts.requests.get(id);
    const operation = this.#operation(request.operation);
    if (request.requester.account !== principal.account || !operation.attended) {
      throw new CasemateError(
        "auth/denied",
        `Cannot answer request ${id} to ${principal.account}: ${request.requester.account} made it.`,
      );
    }
    if (request.state === "awaiting-approval") throw awaiting(request);
    if (request.state === "denied") throw denied(request, principal, request.message ?? null);
    if (request.state !== "approved") throw notOpen(request, "answer");
    // Its intent may not be written yet: it is answered once.
    if (this.running(id) !== undefined) throw notOpen({ id, state: "running" }, "answer");
    const host = this.#hostOf(request.target);
    return await this.#runner.answer(request, operation, host, { principal, given }, signal);
  }

  async #submit(order: Order, signal: AbortSignal): Promise<OperationRequest> {
    const { facts, requests, atFaultPoint } = this.#parts;
    const earlier = await requests.find(order.id);
    if (earlier !== undefined) return this.#same(order, earlier);
    const { operation, host, plan, decision, turn } = await this.#prepare(order, signal);
    atFaultPoint?.("planned");
    const { account, person } = order.principal;
    await facts.record(
      requestFacts.made({
        request: order.id,
        operation: operation.id,
        target: order.target,
        requester: { account, person },
        orderHash: orderHash(order),
        plan,
        decision,
        breakGlass: order.breakGlass ?? null,
        origin: order.origin,
      }),
    );
    atFaultPoint?.("made");
    return await this.#proceed(await requests.get(order.id), operation, host, {
      ...{ principal: order.principal, turn },
    });
  }

  /** Begins what may begin. */
  async #proceed(
    request: OperationRequest,
    operation: Operation,
    host: HostAgent | undefined,
    now: { readonly principal?: Principal; readonly turn?: number | undefined } = {},
  ): Promise<OperationRequest> {
    this.#parts.onChange?.(request);
    if (request.state === "approved" && !operation.attended) {
      this.#runner.begin(request, operation, host, now);
    }
    return request;
  }

  async #prepare(order: Order, signal: AbortSignal) {
    const { gate } = this.#parts;
    const operation = this.#operation(order.operation);
    const parameters = validParameters(operation, order.parameters);
    const { target, principal } = order;
    const host = this.#hostOf(target);
    const { locks } = this.#runner;
    const turn = locks.isHeld(lockKey(target)) ? undefined : locks.turns(lockKey(target));
    const planning = operation.plan({ host, target, parameters, requestId: order.id }, signal);
    const [resource, planned] = await Promise.allSettled([
      resourceOf(target, host, signal),
      planning,
    ]);
    if (resource.status === "rejected") throw resource.reason;
    const wanted = {
      ...{ principal, resource: resource.value, actions: operation.needs(parameters) },
      breakGlass: order.breakGlass !== undefined,
      ...sourceOf(order.origin),
    };
    if (planned.status === "rejected") {
      // Who may not do this at all does not learn from a refusal what is there.
      const decision = gate.decide(wanted);
      if (decision.kind !== "denied") throw planned.reason;
      return { operation, host, plan: undefined, decision, turn };
    }
    const plan = sealPlan(operation.id, target, parameters, planned.value);
    const decision = gate.decide({ ...wanted, plan });
    return { operation, host, decision, turn, plan: decision.kind === "denied" ? undefined : plan };
  }

  async #close(
    request: OperationRequest,
    actor: string,
    closing: "rejected" | "cancelled" | "expired",
    message: string,
  ): Promise<OperationRequest> {
    const { facts, requests, onChange } = this.#parts;
    await facts.record(requestFacts.closed(request.id, request.target, actor, closing, message));
    const closed = await requests.get(request.id);
    onChange?.(closed);
    return closed;
  }

  /** Throws `request/id-used` where the id is that of another request. */
  #same(order: Order, earlier: OperationRequest): OperationRequest {
    const { account } = order.principal;
    if (earlier.orderHash === orderHash(order) && earlier.requester.account === account) {
      return earlier;
    }
    throw new CasemateError(
      "request/id-used",
      `Cannot take request ${order.id}: it is ${earlier.operation} of ${earlier.requester.account}, expected a new id for another request.`,
    );
  }

  #operation(id: string): Operation {
    const found = this.#parts.operations.find((operation) => operation.id === id);
    if (found !== undefined) return found;
    throw new CasemateError("operation/unknown", `Cannot do ${id}: there is no such operation.`);
  }

  #hostOf(target: Target): HostAgent | undefined {
    if (target.kind === "system") return undefined;
    const host = this.#parts.hosts.get(target.hostId);
    if (host !== undefined) return host;
    throw new CasemateError(
      "vm/gone",
      `Cannot reach host ${target.hostId}: it is not attached, expected it to be.`,
    );
  }

  async #awaiting(id: string, verb: string): Promise<OperationRequest> {
    const request = await this.#parts.requests.get(id);
    if (request.state === "awaiting-approval") return request;
    throw notOpen(request, verb);
  }
}

/** The request as the policy sees it. */
function asResource({ id, requester, operation }: OperationRequest): Resource {
  return { kind: "request", id, requester: requester.person, action: operation };
}

function orderHash({ operation, target, parameters }: Order): string {
  return hashOf({ operation, target: { ...target }, parameters: parameters as JsonValue }); // came as JSON
}
