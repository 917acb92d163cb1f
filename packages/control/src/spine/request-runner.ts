import { setTimeout as sleep } from "node:timers/promises";
import type { HostAgent } from "@casemate/agent";
import { CasemateError, toCasemateError } from "@casemate/core";
import type { FactDraft } from "@casemate/ledger";
import type { Principal } from "../accounts/principal.ts";
import { type Conclusion, conclude } from "./conclude.ts";
import { resourceOf } from "./gate.ts";
import type { Operation } from "./operation.ts";
import { type Plan, sealPlan, type Target } from "./plan.ts";
import { type OperationRequest, sourceOf, validApprovals } from "./request.ts";
import { actorOf, requestFacts } from "./request-facts.ts";
import type { SpineParts } from "./spine-parts.ts";
import { VmLocks } from "./vm-locks.ts";

/** How far an operation is. */
export interface Running {
  /** From 0 to 1. */
  readonly fraction: number;
  readonly doing: string;
}

interface Run {
  readonly request: OperationRequest;
  readonly operation: Operation;
  readonly host: HostAgent | undefined;
  readonly stop: AbortController;
  /** What its requester hands over as it begins. */
  readonly given?: unknown;
  progress: Running;
  /** Whether its intent is written. */
  begun: boolean;
  over: Promise<unknown>;
}

/** Waits between attempts to find out or write down what has already happened, in milliseconds. */
const again = { first: 100, most: 5_000 };

/** How long what was begun may still be looked at when Casemate ends, in milliseconds. */
const PATIENCE = 10_000;

/** Carries approved requests out: in turn on each VM, intent before and outcome after. */
export class RequestRunner implements AsyncDisposable {
  readonly locks = new VmLocks();
  readonly #parts: SpineParts;
  readonly #runs = new Map<string, Run>();
  readonly #disposing = new AbortController();
  readonly #patience = new AbortController();
  readonly #settling: Promise<unknown>[] = [];
  /** When the last operation on each VM ended, by UUID, in milliseconds of the process's own clock. */
  readonly #endedAt = new Map<string, number>();

  constructor(parts: SpineParts) {
    this.#parts = parts;
  }

  running(id: string): Running | undefined {
    return this.#runs.get(id)?.progress;
  }

  /** Whether an operation is under way on the VM, or ended less than `aftermath` milliseconds ago. */
  isActing(uuid: string, aftermath: number): boolean {
    const endedAt = this.#endedAt.get(uuid) ?? Number.NEGATIVE_INFINITY;
    if (performance.now() - endedAt < aftermath) return true;
    return this.#begunOn(uuid).some(({ operation }) => !operation.shared);
  }

  /** Whether an operation is under way that has libvirt run the VM. */
  isLaunching(uuid: string): boolean {
    return this.#begunOn(uuid).some(({ operation }) => operation.launches);
  }

  /**
   * Carries it out, as soon as it is its turn on its VM. Failures are in the request.
   *
   * @param now who asks for it, where that is known; and `turn`, what `locks.turns` said when it was planned:
   *   where nobody had a turn since, it is not planned again.
   */
  begin(
    request: OperationRequest,
    operation: Operation,
    host: HostAgent | undefined,
    now: { readonly principal?: Principal; readonly turn?: number | undefined },
  ): void {
    const run = this.#start(request, operation, host);
    run.over = this.#carryOut(run, now).catch((thrown) => this.#parts.onFailure?.(thrown));
  }

  /**
   * Carries out what has an answer for its requester alone.
   *
   * Throws what its execution throws, and `request/awaiting-approval` where it may not begin.
   */
  async answer(
    request: OperationRequest,
    operation: Operation,
    host: HostAgent | undefined,
    { principal, given }: { readonly principal: Principal; readonly given: unknown },
    signal: AbortSignal,
  ): Promise<unknown> {
    const run = this.#start(request, operation, host, given);
    const abort = () => run.stop.abort();
    signal.addEventListener("abort", abort, { once: true });
    const over = this.#carryOut(run, { principal });
    run.over = over.catch(() => {}); // the caller hears of it
    try {
      return await over;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Asks what runs to stop; whether there was such. */
  cancel(id: string): boolean {
    const run = this.#runs.get(id);
    run?.stop.abort();
    return run !== undefined;
  }

  /** The request once nothing of it runs, or as it is when the signal is aborted. */
  async ended(id: string, signal?: AbortSignal): Promise<OperationRequest> {
    const over = this.#runs.get(id)?.over;
    if (over !== undefined && signal?.aborted !== true) {
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      const abort = () => resolve();
      signal?.addEventListener("abort", abort, { once: true });
      await Promise.race([over, aborted]);
      signal?.removeEventListener("abort", abort);
    }
    return await this.#parts.requests.get(id);
  }

  /**
   * Closes what an earlier process left open at this host, or about Casemate itself: what was begun as the
   * host shows it, what was not begun as cancelled. Nothing is begun again.
   *
   * Resolves when it has its turn in line on every VM that is concerned; `over` when all of it is closed,
   * which may be when libvirt answers again.
   */
  async settle(host: HostAgent | undefined): Promise<{ readonly over: Promise<void> }> {
    const left = await this.#parts.requests.list({
      states: ["running", "approved"],
      limit: 10_000,
    });
    const here = left.filter(
      ({ id, target }) =>
        (target.kind === "system" ? undefined : target.hostId) === host?.id && !this.#runs.has(id),
    );
    const settling = here.map((request) => this.#settleOne(request, host));
    const over = Promise.all(settling).then(() => {});
    this.#settling.push(over.catch((thrown) => this.#parts.onFailure?.(thrown)));
    return { over };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposing.abort();
    for (const { stop } of this.#runs.values()) stop.abort();
    const patience = setTimeout(() => this.#patience.abort(), PATIENCE);
    await Promise.all([...this.#settling, ...[...this.#runs.values()].map(({ over }) => over)]);
    clearTimeout(patience);
  }

  async #settleOne(request: OperationRequest, host: HostAgent | undefined): Promise<void> {
    const { id, target, plan, state } = request;
    const { requests, operations } = this.#parts;
    using _turn = await this.locks.acquire(lockKey(target), this.#disposing.signal);
    const operation = operations.find((each) => each.id === request.operation);
    if (state === "approved") {
      if (operation?.attended === true) return; // its requester comes for it
      const why = "Casemate was restarted before it began.";
      await this.#record(requestFacts.closed(id, target, "system", "cancelled", why));
    } else {
      const conclusion: Conclusion =
        operation === undefined || plan === undefined
          ? { outcome: "unknown", message: "Its plan is not there any more." }
          : await this.#conclude(operation, { host, plan, executed: false }, undefined);
      await this.#record(
        requestFacts.ended(id, target, { ...conclusion, seen: "after a restart" }),
      );
    }
    this.#parts.onChange?.(await requests.get(id));
  }

  /**
   * What became of an operation, asked until libvirt answers: the VM's turn is not given away before.
   *
   * Throws `cancelled` when Casemate ends first; the next start asks.
   */
  async #conclude(
    operation: Operation,
    call: Parameters<typeof conclude>[1],
    failure: CasemateError | undefined,
  ): Promise<Conclusion> {
    for (let wait = again.first; ; wait = Math.min(wait * 2, again.most)) {
      try {
        return await conclude(operation, call, failure, this.#patience.signal);
      } catch (thrown) {
        if (this.#disposing.signal.aborted) throw thrown;
        this.#parts.onFailure?.(thrown);
      }
      await sleep(wait, undefined, { signal: this.#disposing.signal }).catch(() => {});
    }
  }

  #begunOn(uuid: string): readonly Run[] {
    return [...this.#runs.values()].filter(
      ({ begun, request: { target } }) => begun && target.kind === "vm" && target.uuid === uuid,
    );
  }

  #start(
    request: OperationRequest,
    operation: Operation,
    host: HostAgent | undefined,
    given?: unknown,
  ): Run {
    const run: Run = {
      ...{ request, operation, host, given, stop: new AbortController() },
      progress: { fraction: 0, doing: "waiting for its turn" },
      begun: false,
      over: Promise.resolve(),
    };
    this.#runs.set(request.id, run);
    return run;
  }

  async #carryOut(
    run: Run,
    { principal, turn }: { readonly principal?: Principal; readonly turn?: number | undefined },
  ): Promise<unknown> {
    const { request, operation } = run;
    const key = lockKey(request.target);
    try {
      using _turn = operation.shared ? undefined : await this.locks.acquire(key, run.stop.signal);
      this.#parts.atFaultPoint?.("turn");
      const alone = turn !== undefined && this.locks.turns(key) === turn + 1;
      const plan = (alone ? request.plan : undefined) ?? (await this.#verifyStill(run, principal));
      return await this.#execute(run, plan);
    } catch (thrown) {
      await this.#closeUnbegun(run, toCasemateError(thrown));
      throw thrown;
    } finally {
      this.#runs.delete(request.id);
      const { onChange, requests } = this.#parts;
      onChange?.(await requests.get(request.id));
    }
  }

  /** The plan for the world as it is now, if that is still permitted. Throws `request/awaiting-approval`, `auth/denied`. */
  async #verifyStill(run: Run, known?: Principal): Promise<Plan> {
    const { gate, principalOf } = this.#parts;
    const { request, operation, host } = run;
    const { id, target, requester } = request;
    const principal = known ?? (await principalOf(requester.account));
    if (principal === undefined || request.plan === undefined) {
      throw new CasemateError(
        "auth/denied",
        `Cannot begin request ${id}: the account ${requester.account} may not act any more.`,
      );
    }
    const { parameters } = request.plan;
    const { signal } = run.stop;
    const draft = await operation.plan({ host, target, parameters, requestId: id }, signal);
    const plan = sealPlan(operation.id, target, parameters, draft);
    const decision = gate.decide({
      principal,
      actions: operation.needs(parameters),
      resource: await resourceOf(target, host, signal),
      plan,
      approvals: validApprovals(request, plan.hash),
      breakGlass: request.breakGlass,
      ...sourceOf(request.origin),
    });
    if (plan.hash === request.planHash && decision.kind === "permitted") return plan;
    await this.#record(requestFacts.replanned(id, plan, decision));
    this.#parts.atFaultPoint?.("replanned");
    if (decision.kind === "permitted") return plan;
    throw new CasemateError(
      decision.kind === "denied" ? "auth/denied" : "request/awaiting-approval",
      `Cannot begin request ${id}: its VM is not as it was planned for, expected ${decision.because ?? "an approval of the new plan"}.`,
    );
  }

  async #execute(run: Run, plan: Plan): Promise<unknown> {
    const { request, operation, host, given } = run;
    const { id, target, requester, policies } = request;
    const { atFaultPoint, facts } = this.#parts;
    const actor = actorOf(requester.account);
    await facts.record(requestFacts.intended(id, plan, actor, policies));
    atFaultPoint?.("intended");
    run.begun = true;
    run.progress = { fraction: 0, doing: "begun" };
    const progress = (fraction: number, doing: string) => {
      run.progress = { fraction, doing };
    };
    let answer: unknown;
    let failure: CasemateError | undefined;
    try {
      answer = await operation.execute({ host, plan, actor, given, progress }, run.stop.signal);
    } catch (thrown) {
      failure = failureOf(operation, thrown, run.stop.signal);
    }
    atFaultPoint?.("executed");
    const conclusion = operation.attended
      ? concludeAnswer(failure)
      : await this.#conclude(operation, { host, plan, executed: failure === undefined }, failure);
    atFaultPoint?.("concluded");
    await Promise.all([
      operation.shared ? undefined : this.#observe(run, actor),
      this.#record(requestFacts.ended(id, target, { ...conclusion, seen: "at once" })),
    ]);
    if (target.kind === "vm") this.#endedAt.set(target.uuid, performance.now());
    atFaultPoint?.("ended");
    if (operation.attended && failure !== undefined) throw failure;
    return answer;
  }

  /** What the operation made of its VMs is its own doing. */
  async #observe({ request, host }: Run, actor: string): Promise<void> {
    const by = { kind: "request", request: request.id, actor } as const;
    if (host === undefined) return;
    const { target, plan } = request;
    const touched = (plan?.effects ?? []).filter(({ kind }) => kind === "vm").map(({ id }) => id);
    for (const uuid of new Set([...(target.kind === "vm" ? [target.uuid] : []), ...touched])) {
      try {
        await this.#parts.world.observe(host, uuid, by);
      } catch (thrown) {
        this.#parts.onFailure?.(thrown); // reconciliation sees it, then without its cause
      }
    }
  }

  /** A request that failed before its intent was written: where the policy has spoken, that stands. */
  async #closeUnbegun({ request }: Run, { code, message }: CasemateError): Promise<void> {
    const now = await this.#parts.requests.get(request.id);
    if (now.state !== "approved") return;
    const closing = code === "cancelled" ? "cancelled" : "failed";
    const disposed = this.#disposing.signal.aborted;
    const why = disposed ? "Casemate was stopped before it began." : message;
    await this.#record(requestFacts.closed(request.id, request.target, "system", closing, why));
  }

  /** Writes down what has already happened, however long that takes: until then nothing else begins on the VM. */
  async #record(draft: FactDraft): Promise<void> {
    for (let wait = again.first; ; wait = Math.min(wait * 2, again.most)) {
      try {
        await this.#parts.facts.recordOutcome(draft);
        return;
      } catch (thrown) {
        if (this.#disposing.signal.aborted) throw thrown; // the next start looks at the host
        this.#parts.onFailure?.(thrown);
      }
      await sleep(wait, undefined, { signal: this.#disposing.signal }).catch(() => {});
    }
  }
}

/** What ended an operation; whatever breaks off because it was asked to was cancelled. */
function failureOf({ id }: Operation, cause: unknown, signal: AbortSignal): CasemateError {
  if (!signal.aborted || cause !== signal.reason) return toCasemateError(cause);
  return new CasemateError("cancelled", `Cannot finish ${id}: it was cancelled.`, { cause });
}

/** What has an answer for its requester is over with it: there is nothing to see at the host. */
function concludeAnswer(failure: CasemateError | undefined): Conclusion {
  if (failure === undefined) return { outcome: "done" };
  const outcome = failure.code === "cancelled" ? "cancelled" : "failed";
  return { outcome, message: failure.message };
}

/** Whose turn an operation takes. */
export function lockKey(target: Target): string {
  switch (target.kind) {
    case "vm":
      return target.uuid;
    case "host":
      return target.hostId;
    case "system":
      return "system";
  }
}
