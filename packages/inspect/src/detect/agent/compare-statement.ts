import type { Recollection, Statement, Subject, Traits } from "./topic.ts";

/** How an agent says something else than memory. */
export type DisputeType = "hides" | "invents" | "contradicts";

/** Something of which an agent says something else than memory did, before it was asked and after. */
export interface Dispute {
  readonly type: DisputeType;
  /** The same for as long as the thing is the same, and the agent says the same of it. */
  readonly id: string;
  /** What it is about, as `Recollection.subjects` names it. */
  readonly key: string;
  /** The thing as memory has it; of what is invented there is none. */
  readonly subject: Subject | undefined;
  /** `has it`, or the trait as memory has it. */
  readonly memory: string;
  readonly agent: string;
}

/**
 * What an agent's statement disputes of what memory had both before it was made and after.
 *
 * What came, went or changed between the two is no lie, so that nothing is said of it.
 */
export function* compareStatement(
  before: Recollection,
  statement: Statement,
  after: Recollection,
): Generator<Dispute> {
  const isSameTime = before.generation === after.generation;
  for (const [key, subject] of before.subjects) {
    const later = after.subjects.get(key);
    if (later?.identity !== subject.identity || !isSameTime) continue;
    const said = statement.named.get(key);
    if (said !== undefined) yield* compareTraits(key, subject, later, said);
    else if (subject.isShown && later.isShown && statement.denies(key)) {
      const id = `hides ${subject.identity}`;
      const words = { memory: "has it", agent: "says that there is none" };
      yield { type: "hides", id, key, subject, ...words };
    }
  }
  if (!isSameTime || !before.isWhole || !after.isWhole) return;
  for (const [key, said] of statement.named) {
    if (before.subjects.has(key) || after.subjects.has(key)) continue;
    const traits = Object.entries(said).map(([name, value]) => `, ${name} ${value}`);
    const words = { memory: "has none", agent: `names it${traits.join("")}` };
    yield { type: "invents", id: `invents ${key}`, key, subject: undefined, ...words };
  }
}

function* compareTraits(
  key: string,
  subject: Subject,
  later: Subject,
  said: Traits,
): Generator<Dispute> {
  for (const [trait, value] of Object.entries(said)) {
    const known = later.traits[trait];
    if (known === undefined || known === value || subject.traits[trait] !== known) continue;
    const id = `contradicts ${trait} of ${subject.identity}`;
    const words = { memory: `${trait} ${known}`, agent: `${trait} ${value}` };
    yield { type: "contradicts", id, key, subject, ...words };
  }
}
