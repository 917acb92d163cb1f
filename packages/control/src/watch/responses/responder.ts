import { CasemateError, type JsonValue, toCasemateError } from "@casemate/core";
import type { Kysely, Selectable } from "kysely";
import type { FactLog } from "../../facts/fact-log.ts";
import type { ProjectedTables } from "../../facts/projected-tables.ts";
import { keyedQueue } from "../../keyed-queue.ts";
import { hashOf } from "../../spine/plan.ts";
import type { Order, Spine } from "../../spine/spine.ts";
import type { Finding } from "../findings/finding.ts";
import { watchActor } from "../findings/finding-facts.ts";
import type { Rule } from "../rules/rule.ts";
import type { Rules } from "../rules/rules.ts";
import { watchPrincipal } from "../sweeps/watch-principal.ts";
import type { Answer, AnswerState } from "./answer.ts";
import { responses } from "./responses.ts";

/** What the responder stands on. */
export interface ResponderParts {
  readonly db: Kysely<ProjectedTables>;
  readonly facts: FactLog;
  readonly spine: Spine;
  readonly rules: Rules;
  /** Hears of what was to be done and was not: somebody must see it now. */
  readonly onAlarm: (sentence: string) => void;
  readonly onFailure: (thrown: unknown) => void;
}

/** An answer as it is recorded. */
interface Given {
  readonly finding: Finding;
  readonly rule: Rule;
  readonly response: string;
  readonly order: { readonly id: string; readonly operation?: string };
}

/** An answer that is to be given: the same for the same opening of the finding. */
interface Wanted extends Given {
  readonly order: Order;
}

/** Has done what rules want about findings, or says what they would have done. */
export class Responder implements AsyncDisposable {
  readonly #parts: ResponderParts;
  readonly #ending = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  /** What is answered once is not answered by two at once. */
  readonly #inTurn = keyedQueue();

  constructor(parts: ResponderParts) {
    this.#parts = parts;
  }

  /** Begins to answer a finding that is open; what was answered already is not answered again. */
  answer(finding: Finding): void {
    if (finding.state !== "open" || this.#ending.signal.aborted) return;
    const running = this.#inTurn(finding.id, () => this.#answer(finding))
      .catch(this.#parts.onFailure)
      .finally(() => this.#underWay.delete(running));
    this.#underWay.add(running);
  }

  /** The answers to a finding, in the order they were given. */
  async answersTo(finding: string): Promise<readonly Answer[]> {
    const rows = await this.#parts.db
      .selectFrom("responses")
      .selectAll()
      .where("finding", "=", finding)
      .orderBy("at")
      .execute();
    return rows.map(asAnswer);
  }

  /** Resolves when nothing is being answered. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.idle();
  }

  async #answer(finding: Finding): Promise<void> {
    for (const rule of this.#parts.rules.respondTo(finding)) {
      for (const [index, { response: does, parameters }] of rule.respond.entries()) {
        const response = responses.find((each) => each.id === does);
        if (response === undefined) continue; // rules with an unknown one do not load
        const id = orderId(finding, rule, index);
        const wanted = response.order(finding, parameters);
        if ("channels" in wanted) {
          await this.#tell(
            { finding, rule, response: response.id, order: { id } },
            wanted.channels,
          );
          continue;
        }
        if ("refused" in wanted) {
          await this.#refuse(
            { finding, rule, response: response.id, order: { id } },
            wanted.refused,
          );
          continue;
        }
        const { operation, parameters: ordered } = wanted;
        const { uuid, name, host: hostId } = finding.vm;
        const order: Order = {
          id,
          operation,
          target: { kind: "vm", uuid, name, hostId },
          parameters: ordered,
          principal: watchPrincipal,
          origin: { rule: rule.name, finding: finding.id, asks: rule.approvals },
        };
        await this.#give({ finding, rule, response: does, order });
      }
    }
  }

  /** What tells channels reads the rules itself: this is what rules say of it, once. */
  async #tell(told: Given, channels: readonly string[]): Promise<void> {
    if ((await this.#earlier(told)) !== undefined) return;
    const names = channels.join(", ");
    const isRehearsal = told.rule.mode === "dry-run";
    await this.#record(isRehearsal ? "rehearsed" : "told", told, {
      body: { channels: [...channels] },
      sealed: { steps: [`Tell ${names} of it, and of what becomes of it.`] },
    });
  }

  /** What cannot be done about the finding fails, once. */
  async #refuse(given: Given, why: string): Promise<void> {
    if ((await this.#earlier(given)) === undefined) await this.#fail(given, why);
  }

  async #earlier({ order: { id } }: Given) {
    const { db } = this.#parts;
    const query = db.selectFrom("responses").select("state").where("id", "=", id);
    return await query.executeTakeFirst();
  }

  async #give(wanted: Wanted): Promise<void> {
    const earlier = await this.#earlier(wanted);
    // What was ordered before a crash is the same request again.
    if (earlier !== undefined && earlier.state !== "ordered") return;
    try {
      if (wanted.rule.mode === "dry-run") await this.#rehearse(wanted);
      else await this.#order(wanted, earlier !== undefined);
    } catch (thrown) {
      if (this.#ending.signal.aborted) return;
      await this.#fail(wanted, toCasemateError(thrown).message);
    }
  }

  /** A dry run: the plan is made and put to the policies, and that is all. */
  async #rehearse(wanted: Wanted): Promise<void> {
    const { plan, decision } = await this.#parts.spine.preview(wanted.order, this.#ending.signal);
    await this.#record("rehearsed", wanted, {
      body: { decision: decision.kind, planHash: plan.hash },
      sealed: { steps: [...plan.steps] },
    });
  }

  async #order(wanted: Wanted, isRecorded: boolean): Promise<void> {
    const { spine } = this.#parts;
    if (!isRecorded) await this.#record("ordered", wanted, {});
    await spine.submit(wanted.order, this.#ending.signal);
    const { state, message } = await spine.settled(wanted.order.id, this.#ending.signal);
    if (state === "done" || state === "awaiting-approval" || this.#ending.signal.aborted) return;
    if (state === "running" || state === "approved") return;
    throw new CasemateError(
      "operation/failed",
      `Cannot answer finding ${wanted.finding.id} by ${wanted.response}: it is ${state}, expected it to be done.${message === undefined ? "" : ` ${message}`}`,
    );
  }

  /** What was to be done and was not is said, and somebody must see it. */
  async #fail(given: Given, message: string): Promise<void> {
    await this.#record("failed", given, { sealed: { message: message.toWellFormed() } });
    const { finding, rule, response } = given;
    if (rule.mode === "dry-run") return;
    this.#parts.onAlarm(
      `The response ${response} of rule ${rule.name} to finding ${finding.id} on ${finding.vm.name} failed: ${message}`,
    );
  }

  async #record(
    state: AnswerState,
    { finding, rule, response, order }: Given,
    more: {
      readonly body?: Readonly<Record<string, JsonValue>>;
      readonly sealed?: Readonly<Record<string, JsonValue>>;
    },
  ): Promise<void> {
    await this.#parts.facts.record({
      kind: `response/${state}`,
      actor: watchActor,
      subject: `vm:${finding.vm.uuid}`,
      body: {
        ...{ response: order.id, finding: finding.id, rule: rule.name, does: response },
        ...(order.operation === undefined ? {} : { operation: order.operation }),
        ...more.body,
      },
      ...(more.sealed === undefined ? {} : { sealed: more.sealed }),
    });
  }
}

/** A UUID (RFC 9562, version 8) that the same opening of the same finding has for the same answer. */
function orderId({ id, openedBy }: Finding, { name, mode }: Rule, index: number): string {
  const hash = hashOf([id, openedBy, name, mode, index]);
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

/** The projection wrote the row: its JSON and its words are what this reads. */
function asAnswer(row: Selectable<ProjectedTables["responses"]>): Answer {
  const { id, finding, rule, response, operation, at, message } = row;
  return {
    ...{ id, finding, rule, response, at },
    operation: operation ?? undefined,
    state: row.state as AnswerState, // see above
    decision: (row.decision ?? undefined) as Answer["decision"], // see above
    steps: row.steps === null ? [] : JSON.parse(row.steps),
    message: message ?? undefined,
  };
}
