import type { RunInGuest } from "./truth.ts";

/** What a guest answered, kept so that a dump taken afterwards can be held against the same words. */
export class Answers {
  readonly #run: RunInGuest;
  readonly #said = new Map<string, Awaited<ReturnType<RunInGuest>>>();

  constructor(run: RunInGuest) {
    this.#run = run;
  }

  /** Asks the guest. */
  readonly ask: RunInGuest = async (command) => {
    const answer = await this.#run(command);
    this.#said.set(command, answer);
    return answer;
  };

  /** What the guest said when it was asked last; throws where it never was. */
  readonly recall: RunInGuest = async (command) => {
    const answer = this.#said.get(command);
    if (answer === undefined) throw new Error(`The guest was not asked: ${command.slice(0, 200)}`);
    return answer;
  };
}
