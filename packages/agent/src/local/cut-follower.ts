import { setTimeout as sleep } from "node:timers/promises";
import { type CasemateError, toCasemateError } from "@casemate/core";
import type { CutTraffic } from "@casemate/host";
import type { ProcessSocketsRow } from "@casemate/inspect";
import type { CutProcess, StartedProcess } from "../hypervisor/cut-label.ts";
import { CutMemory } from "./cut-memory.ts";
import { processNotFound } from "./process-not-found.ts";

/** Whose a guest's sockets are, and how long the look took, in milliseconds. */
export interface SocketLook extends ProcessSocketsRow {
  readonly elapsedMs: number;
}

/** What a follower looks with, and what it tells. */
export interface CutGround {
  /** Looks, by the argument of the view `process-sockets`. */
  look(argument: string, signal?: AbortSignal): Promise<SocketLook>;
  /** Has this pass, and nothing else. */
  allow(traffic: CutTraffic, signal?: AbortSignal): Promise<void>;
  /** All that was cut off with a process has ended. */
  ended(process: CutProcess): void;
  /** Looks have failed for some time; undefined: they succeed again. */
  stale(cause: CasemateError | undefined): void;
}

/** What is remembered of a process and of what descends from it. */
interface Family {
  process: CutProcess;
  members: readonly string[];
  groups: readonly string[];
  /** Looks, one after the other, that saw none of them. */
  absent: number;
}

const settings = {
  /** Milliseconds from the end of a look to the next, and the share of the time that looks may take. */
  every: 450,
  share: 0.05,
  /** Looks after which the rules are compared with the VM's devices, changed or not. */
  compareEvery: 20,
  /** So often nobody of a family is seen before it counts as ended. */
  absences: 3,
  /** Milliseconds of failures before they are told. */
  patience: 10_000,
};

/** Seconds since boot that no guest comes to: nobody is taken for a child of what is not followed yet. */
export const never = "999999999999.99";

/** Keeps what passes of one guest to what is not of the processes that are cut off. Disposing ends it. */
export class CutFollower implements AsyncDisposable {
  readonly #ground: CutGround;
  readonly #families = new Map<string, Family>();
  readonly #memory = new CutMemory();
  readonly #ended = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();
  #following: Promise<void> | undefined;
  #allowed = "";
  #looks = 0;
  /** How long the last look took, in milliseconds. */
  #took = 0;
  #failing: { readonly since: number; told: boolean } | undefined;

  constructor(ground: CutGround) {
    this.#ground = ground;
  }

  get empty(): boolean {
    return this.#families.size === 0;
  }

  /** Follows from now on what is cut off already. */
  follow(processes: readonly CutProcess[]): void {
    for (const process of processes) {
      if (!this.#families.has(nameOf(process))) this.#join(process);
    }
    this.#following ??= this.#run();
  }

  /** Looks with one more process, and has `cut` cut it off; then it is followed. Throws what these do. */
  add(
    process: StartedProcess,
    cut: (process: CutProcess, traffic: CutTraffic) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#inTurn(async () => {
      const name = nameOf(process);
      const family = this.#join({ ...process, since: never });
      try {
        const found = await this.#look(signal);
        if (family.absent > 0) throw processNotFound(name);
        family.process = { ...process, since: found.uptime };
        await cut(family.process, this.#memory.next(found));
      } catch (thrown) {
        this.#families.delete(name);
        throw thrown;
      }
      this.#following ??= this.#run();
    });
  }

  /** Follows a process no more. */
  remove(process: StartedProcess): Promise<void> {
    return this.#inTurn(async () => {
      this.#families.delete(nameOf(process));
      this.#memory.forgive();
      this.#allowed = "";
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#following;
    await this.#turn;
  }

  #join(process: CutProcess): Family {
    const name = nameOf(process);
    const family = { process, members: [name], groups: [], absent: 0 };
    this.#families.set(name, family);
    return family;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {}); // whoever asked hears of it
    return result;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await this.#inTurn(() => this.#round(signal)).then(
        () => this.#succeed(),
        (thrown: unknown) => this.#fail(thrown),
      );
      const wait = Math.max(settings.every, this.#took / settings.share);
      await sleep(wait, undefined, { signal }).catch(() => {}); // it ends
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    if (this.empty || signal.aborted) return;
    const found = await this.#look(signal);
    const traffic = this.#memory.next(found);
    const text = JSON.stringify(traffic);
    const isDue = this.#looks % settings.compareEvery === 0;
    this.#looks += 1;
    if (text !== this.#allowed || isDue) {
      await this.#ground.allow(traffic, signal);
      this.#allowed = text;
    }
    for (const { process, absent } of this.#families.values()) {
      // Until it is removed.
      if (absent > 0 && absent % settings.absences === 0) this.#ground.ended(process);
    }
  }

  /** Looks, and remembers who is of which family now. */
  async #look(signal?: AbortSignal): Promise<ProcessSocketsRow> {
    const families = [...this.#families.values()];
    const found = await this.#ground.look(families.map(argumentOf).join(";"), signal);
    this.#took = found.elapsedMs;
    for (const [index, family] of families.entries()) {
      const { members = [], groups = [] } = found.families[index] ?? {};
      // A name stays: who has it is looked for until it counts as ended.
      family.members = members.length === 0 ? family.members : members;
      family.groups = groups;
      family.absent = members.length === 0 ? family.absent + 1 : 0;
    }
    return found;
  }

  #succeed(): void {
    if (this.#failing?.told) this.#ground.stale(undefined);
    this.#failing = undefined;
  }

  #fail(thrown: unknown): void {
    if (this.#ended.signal.aborted) return;
    this.#failing ??= { since: performance.now(), told: false };
    if (this.#failing.told || performance.now() - this.#failing.since < settings.patience) return;
    this.#failing.told = true;
    this.#ground.stale(toCasemateError(thrown));
  }
}

function nameOf({ pid, started }: StartedProcess): string {
  return `${pid}@${started}`;
}

function argumentOf({ process, members, groups }: Family): string {
  return `${members.join(",")}/${process.since}/${groups.join(",")}`;
}
