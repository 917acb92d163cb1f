import type { Access, DataClass } from "../../kernel/data-class.ts";
import type { Evidence } from "../suspicion.ts";
import type { AgentQuestion } from "./agent-question.ts";

/** What is told of a thing, by name: `{ name: "sshd", parent: "1" }`. */
export type Traits = Readonly<Record<string, string>>;

/** One thing in a guest, as memory has it. */
export interface Subject {
  /** For people: `Process 731 (sshd)`. HOSTILE. */
  readonly name: string;
  /** The same for as long as it is the same thing, and no other's. */
  readonly identity: string;
  readonly traits: Traits;
  /** Whether the guest shows it to whoever asks: a socket that is bound to nothing is not shown. */
  readonly isShown: boolean;
  readonly place: Pick<Evidence, "address" | "path">;
}

/** What memory has of one kind of things. */
export interface Recollection {
  readonly subjects: ReadonlyMap<string, Subject>;
  /** Whether that is all there is: where memory is damaged, what it does not have proves nothing. */
  readonly isWhole: boolean;
  /** When what is process 1 to a container was started, of each that there is. */
  readonly containers?: ReadonlySet<string>;
  /** Where the kernel counts its changes: another count says that one may have come and gone. */
  readonly generation?: string;
}

/** What an agent says of one kind of things by one answer. HOSTILE. */
export interface Statement {
  readonly named: ReadonlyMap<string, Traits>;
  /** Whether it says that there is no such thing. */
  denies(key: string): boolean;
}

/** One way by which an agent comes to know of things. */
export interface Source {
  /** For people: `/proc/modules`. */
  readonly via: string;
  readonly question: AgentQuestion;
  /** What there is not where the agent finds no such file. */
  readonly about?: string;
  /** Throws `inspect/agent-answer` for what is no answer to the question. */
  parse(answer: string): Statement;
}

/** One kind of things that both memory and an agent know of. */
export interface Topic<Needs extends DataClass = "kernelMetadata"> {
  /** For people: `processes`. */
  readonly title: string;
  /** Whether memory knows more of them once the agent was asked: then it is asked once before it counts. */
  readonly warms?: true;
  /** Whether an agent that says this speaks of a container that it is in, which memory has, too. */
  isElsewhere?(statement: Statement, memory: Recollection): boolean;
  /** Takes part in a look. */
  recall(access: Access<Needs>): Recollection;
  /** Ways to ask about them, those that tell most first. */
  sources(memory: Recollection): readonly Source[];
}

/** A topic of which only itself knows what it reads. */
// biome-ignore lint/suspicious/noExplicitAny: it takes its own classes' readers; `DataClass` would ask for all
export type AnyTopic = Topic<any>;
