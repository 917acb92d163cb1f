import { toCasemateError } from "@casemate/core";
import type { Missed } from "../verdict.ts";
import type { AgentAnswer, AgentQuestion } from "./agent-question.ts";
import { compareStatement, type Dispute } from "./compare-statement.ts";
import type { Memory } from "./memory.ts";
import type { AnyTopic, Recollection, Source, Statement } from "./topic.ts";

/** What is disputed every time, a look at memory between, is no accident of a busy guest. */
const MAX_ROUNDS = 3;

const ELSEWHERE = "The agent is in a container, and tells of that alone.";

/** What an agent says when it finds no such thing. */
const NO_SUCH = /: No such (?:file or directory|process)"?\.?$/;

interface Asked {
  readonly topic: AnyTopic;
  readonly source: Source;
}

/** What an agent said, by one source, between two looks at memory. */
export interface Said extends Asked {
  readonly before: Recollection;
  readonly statement: Statement;
  readonly after: Recollection;
}

/** What an agent was asked at one go; what memory has after it, the next round or the end of all says. */
interface Round {
  readonly memory: Memory;
  readonly asked: readonly Asked[];
  readonly statements: Map<Source["via"], Statement>;
}

/**
 * What the agent in a guest is asked, and what it answers: everything once, then again what it says otherwise
 * than memory, with a look at memory between.
 *
 *     while ((questions = interview.ask(recall(access))).length > 0) interview.hear(await put(questions));
 */
export class Interview {
  readonly #rounds: Round[] = [];
  /** Why, by source. */
  readonly #missed = new Map<string, { readonly reason: string; readonly topic?: AnyTopic }>();
  #isWarm = false;
  /** What the next answers are to; none where they do not count. */
  #current: Round | undefined;
  #end: Memory | undefined;

  /** What to ask next, now that memory has `memory`; nothing once all is settled. */
  ask(memory: Memory): readonly AgentQuestion[] {
    this.#current = undefined;
    const warming = this.#isWarm ? [] : [...askAll(memory)].filter(({ topic }) => topic.warms);
    this.#isWarm = true;
    if (warming.length > 0) return warming.map(({ source }) => source.question);
    const asked = [...this.#next(memory)];
    if (asked.length === 0) {
      this.#end ??= memory;
      return [];
    }
    this.#current = { memory, asked, statements: new Map() };
    this.#rounds.push(this.#current);
    return asked.map(({ source }) => source.question);
  }

  /** Takes the answers to what was asked last, in its order. HOSTILE. */
  hear(answers: readonly AgentAnswer[]): void {
    const round = this.#current;
    for (const [index, { topic, source }] of round?.asked.entries() ?? []) {
      const heard = hear(source, answers[index]);
      if (typeof heard === "string") this.#missed.set(source.via, { reason: heard, topic });
      else round?.statements.set(source.via, heard);
      const memory = round?.memory.get(topic);
      if (typeof heard === "string" || memory === undefined) continue;
      if (topic.isElsewhere?.(heard, memory) === true) this.giveUp(ELSEWHERE);
    }
  }

  /** Ends it before all is settled. */
  giveUp(reason: string): void {
    this.#missed.set("any more questions", { reason });
    this.#end ??= new Map();
  }

  /** What it could not be asked of some topics, or gave no answer to, and of how many sources that is so. */
  missedOf(topics: readonly AnyTopic[]): readonly (Missed & { readonly count: number })[] {
    const own = [...this.#missed].filter(
      ([, { topic }]) => topic === undefined || topics.includes(topic),
    );
    const byReason = Map.groupBy(own, ([, { reason }]) => reason);
    return [...byReason].map(([reason, [first, ...others]]) => {
      const more = others.length === 0 ? "" : ` and ${others.length} more`;
      const what = `what the agent says by ${first?.[0] ?? ""}${more}`;
      return { what, reason, count: others.length + 1 };
    });
  }

  /** What was said in the first round, in which everything is asked. */
  get said(): readonly Said[] {
    return this.#saidIn(0, this.#end);
  }

  /** What was disputed in every round, as it was in the last. */
  get disputes(): readonly { readonly dispute: Dispute; readonly by: Said }[] {
    return this.#disputes(this.#end);
  }

  #disputes(end: Memory | undefined) {
    const rounds = this.#rounds.map((_, index) => {
      const found = new Map<string, { readonly dispute: Dispute; readonly by: Said }>();
      for (const by of this.#saidIn(index, end)) {
        for (const dispute of compareStatement(by.before, by.statement, by.after)) {
          found.set(`${dispute.id}, ${by.source.via}`, { dispute, by });
        }
      }
      return found;
    });
    const last = rounds.at(-1) ?? new Map();
    return [...last].flatMap(([id, found]) =>
      rounds.every((round) => round.has(id)) ? [found] : [],
    );
  }

  #saidIn(index: number, end: Memory | undefined): readonly Said[] {
    const { memory, asked, statements } = this.#rounds[index] ?? EMPTY;
    const later = this.#rounds[index + 1]?.memory ?? end;
    return asked.flatMap(({ topic, source }) => {
      const statement = statements.get(source.via);
      const [before, after] = [memory.get(topic), later?.get(topic)];
      if (statement === undefined || before === undefined || after === undefined) return [];
      return [{ topic, source, before, statement, after }];
    });
  }

  *#next(memory: Memory): Generator<Asked> {
    if (this.#end !== undefined || this.#rounds.length === MAX_ROUNDS) return;
    if (this.#rounds.length === 0) {
      yield* askAll(memory);
      return;
    }
    yield* new Map(this.#disputes(memory).map(({ by }) => [by.source.via, by])).values();
  }
}

const EMPTY: Round = { memory: new Map(), asked: [], statements: new Map() };

/** All that can be asked of what memory has. */
function* askAll(memory: Memory): Generator<Asked> {
  for (const [topic, recollection] of memory) {
    for (const source of topic.sources(recollection)) yield { topic, source };
  }
}

/** What an answer says, or why it says nothing. */
function hear({ about, parse }: Source, answer: AgentAnswer | undefined): Statement | string {
  if (answer === undefined) return "There is no answer.";
  if (answer.kind !== "said") {
    const isDenied = answer.kind === "refused" && about !== undefined && NO_SUCH.test(answer.words);
    if (!isDenied) return answer.words;
    return { named: new Map(), denies: (key) => key === about };
  }
  try {
    return parse(answer.text);
  } catch (thrown) {
    const { code, message } = toCasemateError(thrown);
    if (code !== "inspect/agent-answer") throw thrown;
    return message;
  }
}
