import { closeSync } from "node:fs";
import { CasemateError, type Milliseconds, toCasemateError } from "@casemate/core";
import {
  type OpenDisks,
  type OpenGuestMemory,
  type Pause,
  type ReceivedFds,
  sendFds,
} from "@casemate/host";
import type { GuestGlance } from "./guest-glance.ts";
import type { PagesRequest } from "./guest-pages.ts";
import { chosenDetectors, type SweepRequest } from "./guest-sweep.ts";
import type { ViewRequest } from "./inspectable-view.ts";
import { lacksTypes } from "./inspector/lacks-types.ts";
import type {
  InspectorAnswer,
  InspectorRequest,
  PagesReading,
  SweepReading,
  ViewReading,
} from "./inspector/messages.ts";
import { type InspectorProcess, startInspectorProcess } from "./inspector-process.ts";
import { type AgentTalk, interviewAgent } from "./interview-agent.ts";
import type { ViewTable } from "./view-table.ts";

/** What one inspector may use beyond the time a look is given. */
const limits = {
  /** Finding the kernel of a guest seen for the first time, in milliseconds. */
  attachMs: 20_000,
  /** What the inspector gets to notice by itself that its budget is used up. */
  graceMs: 1_000,
  /** What a detector may take beyond its budget: those of high cost have more, and look again until a guest settles. */
  detector: { times: 9, highCost: 10, settleMs: 2_000 },
  /** To compile rules. */
  rulesMs: 150_000,
};

/** A guest to look into: `key` names one run of it, `open` opens its memory when it is needed. */
export interface InspectedGuest {
  readonly key: string;
  open(): Promise<OpenGuestMemory>;
  /** Opens its disks, for a kernel whose types are not in memory. */
  openDisks(): Promise<OpenDisks>;
  /** Begins to ask the agent in it. */
  talk(budget: Milliseconds, signal?: AbortSignal): AgentTalk;
}

/** What a look at a guest that stood still brought. */
export type FrozenReading = ViewReading & Required<Pick<ViewTable, "paused" | "takenAt">>;

/**
 * One process without rights that reads the memory of all guests of this host, one look at a time.
 *
 * It is started when first needed and again after it died; a guest can cost only its own look.
 */
export class Inspector implements AsyncDisposable {
  #child: InspectorProcess | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #disposed = false;
  readonly #withRules: boolean;

  /** @param options.withRules whether it can sweep with rules, which takes longer to start */
  constructor({ withRules = false }: { readonly withRules?: boolean } = {}) {
    this.#withRules = withRules;
  }

  /** The process id, while one runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What the look brings. Throws `inspect/budget`, `inspect/crashed`, and what reading the guest throws. */
  look(guest: InspectedGuest, request: ViewRequest, signal?: AbortSignal): Promise<ViewReading> {
    return this.#inTurn(async () => {
      signal?.throwIfAborted();
      const child = this.#running();
      const view = { ask: "view", guest: guest.key, request } as const;
      const limitMs = request.budget + limits.graceMs;
      return await this.#attached(child, guest, () => this.#askReading(child, view, limitMs));
    });
  }

  /**
   * As `look`, of a guest that `pause` has stand still while it is walked over, and no longer: its kernel is
   * found, and the view walked a first time, before; what was seen is fetched after. What `pause` and resuming
   * throw is thrown.
   */
  lookFrozen(
    guest: InspectedGuest,
    request: ViewRequest,
    pause: () => Promise<Pause>,
    signal?: AbortSignal,
  ): Promise<FrozenReading> {
    return this.#inTurn(async () => {
      signal?.throwIfAborted();
      const child = this.#running();
      const limitMs = request.budget + limits.graceMs;
      const walk = () => this.#ask(child, { ask: "walk", guest: guest.key, request }, limitMs);
      await this.#attached(child, guest, walk);
      await using held = await pause();
      await walk();
      const paused = await held.resume();
      const reading = await this.#askReading(child, { ask: "fetch" }, limitMs);
      return { ...reading, takenAt: held.pausedAt, paused };
    });
  }

  /**
   * What detectors say of the guest. `openDisks` of it is called where memory is to be held against its disks;
   * disks that cannot be opened are left out. Throws `rules/malformed`, `inspect/*`, and what reading the guest
   * throws.
   */
  sweep(guest: InspectedGuest, request: SweepRequest, signal?: AbortSignal): Promise<SweepReading> {
    return this.#inTurn(async () => {
      signal?.throwIfAborted();
      const child = this.#running();
      const limitMs = limits.graceMs + sweepLimitMs(request);
      return await this.#attached(child, guest, async () => {
        if (request.withAgent === true) {
          const ask = (order: InspectorRequest) =>
            this.#ask(child, order, request.budget + limits.graceMs);
          await interviewAgent(ask, guest, request, signal);
        }
        const withDisks = request.withDisks && (await this.#sendDisks(child, guest));
        const order = { ask: "sweep", guest: guest.key, request, withDisks } as const;
        const answer = await this.#ask(child, order, limitMs);
        if ("verdicts" in answer) return answer;
        throw new CasemateError(
          "inspect/crashed",
          "Cannot take the inspector's answer: it has no verdicts, expected them.",
        );
      });
    });
  }

  /** Pages of the guest's kernel. Throws `inspect/*`, and what reading the guest throws. */
  readPages(
    guest: InspectedGuest,
    request: PagesRequest,
    signal?: AbortSignal,
  ): Promise<PagesReading> {
    return this.#inTurn(async () => {
      signal?.throwIfAborted();
      const child = this.#running();
      const order = { ask: "pages", guest: guest.key, request } as const;
      const limitMs = request.budget + limits.graceMs;
      return await this.#attached(child, guest, async () => {
        const answer = await this.#ask(child, order, limitMs);
        if ("pages" in answer) return answer;
        throw new CasemateError(
          "inspect/crashed",
          "Cannot take the inspector's answer: it has no pages, expected them.",
        );
      });
    });
  }

  /** What shows of the guest at a glance; undefined of one that was never looked into. Throws as `look`. */
  glance(
    key: string,
    budget: Milliseconds,
    signal?: AbortSignal,
  ): Promise<GuestGlance | undefined> {
    return this.#inTurn(async () => {
      signal?.throwIfAborted();
      const child = this.#child;
      if (child === undefined || child.hasEnded || !child.attached.has(key)) return undefined;
      const order = { ask: "glance", guest: key, budget } as const;
      const answer = await this.#ask(child, order, budget + limits.graceMs);
      if ("glance" in answer) {
        const { uptime, ...seen } = answer.glance;
        return { ...seen, bootedAt: new Date(Date.now() - uptime * 1_000) };
      }
      throw new CasemateError(
        "inspect/crashed",
        "Cannot take the inspector's answer: it has no glance, expected one.",
      );
    });
  }

  /** Lets go of the guest's memory, if it was attached. */
  forget(key: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#child?.attached.has(key)) await this.#detach(this.#child, key);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#child?.[Symbol.asyncDispose]();
    await this.#turn;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {}); // whoever asked hears of it; the next one starts anew
    return result;
  }

  #running(): InspectorProcess {
    if (this.#disposed) throw new CasemateError("cancelled", "Cannot look: Casemate is stopping.");
    if (this.#child === undefined || this.#child.hasEnded)
      this.#child = startInspectorProcess(this.#withRules);
    return this.#child;
  }

  /** What `read` brings of a guest that is attached first, and anew where its kernel is another by now. */
  async #attached<T>(
    child: InspectorProcess,
    guest: InspectedGuest,
    read: () => Promise<T>,
  ): Promise<T> {
    const known = child.attached.has(guest.key);
    if (!known) await this.#attach(child, guest);
    try {
      return await read();
    } catch (thrown) {
      // A guest that booted anew has its kernel elsewhere: what was known of it only seems damaged.
      if (!known || toCasemateError(thrown).code !== "kernel/damaged") throw thrown;
      await this.#detach(child, guest.key);
      await this.#attach(child, guest);
      return await read();
    }
  }

  /** Has the inspector find the guest's kernel; it is given the guest's disks only if memory does not do. */
  async #attach(child: InspectorProcess, guest: InspectedGuest): Promise<void> {
    try {
      await this.#attachWith(child, guest, []);
    } catch (thrown) {
      if (!lacksTypes(thrown)) throw thrown;
      const { disks, fds } = await guest.openDisks().catch((cause: unknown) => {
        const { code, message } = toCasemateError(thrown);
        const why = toCasemateError(cause).message;
        throw new CasemateError(code, `${message} Nor by its disks: ${why}`, { cause });
      });
      if (disks.length === 0) throw thrown;
      await this.#attachWith(child, guest, [{ text: JSON.stringify(disks), fds }]);
    }
    child.attached.add(guest.key);
  }

  /** Hands the guest's disks over, for what is asked next; whether there are any. */
  async #sendDisks(child: InspectorProcess, guest: InspectedGuest): Promise<boolean> {
    // What needs files says so where there are none.
    const opened = await guest.openDisks().catch(() => undefined);
    if (opened === undefined || opened.disks.length === 0) return false;
    try {
      sendFds(child.socket, JSON.stringify(opened.disks), opened.fds);
      return true;
    } finally {
      for (const fd of opened.fds) closeSync(fd);
    }
  }

  async #attachWith(
    child: InspectorProcess,
    guest: InspectedGuest,
    disks: readonly ReceivedFds[],
  ): Promise<void> {
    const { description, fds } = await guest.open().catch((thrown: unknown) => {
      for (const { fds } of disks) for (const fd of fds) closeSync(fd);
      throw thrown;
    });
    const parcels = [{ text: JSON.stringify(description), fds }, ...disks];
    try {
      if (child.hasEnded) {
        throw new CasemateError("inspect/crashed", "Cannot look: the inspector ended.");
      }
      for (const parcel of parcels) sendFds(child.socket, parcel.text, parcel.fds);
    } finally {
      // The inspector has its own copies.
      for (const parcel of parcels) for (const fd of parcel.fds) closeSync(fd);
    }
    const request = {
      ask: "attach",
      guest: guest.key,
      withDisks: disks.length > 0,
    } as const;
    await this.#ask(child, request, limits.attachMs);
  }

  async #detach(child: InspectorProcess, key: string): Promise<void> {
    child.attached.delete(key);
    await this.#ask(child, { ask: "detach", guest: key }, limits.graceMs);
  }

  async #askReading(
    child: InspectorProcess,
    request: InspectorRequest,
    limitMs: number,
  ): Promise<ViewReading> {
    const answer = await this.#ask(child, request, limitMs);
    if ("items" in answer) return answer;
    throw new CasemateError(
      "inspect/crashed",
      "Cannot take the inspector's answer: it is no table, expected one.",
    );
  }

  async #ask(
    child: InspectorProcess,
    request: InspectorRequest,
    limitMs: number,
  ): Promise<InspectorAnswer> {
    const answer = await child.ask(request, limitMs).catch(async (thrown: unknown) => {
      await child[Symbol.asyncDispose](); // what does not answer as it should is not asked again
      throw thrown;
    });
    if ("error" in answer) throw new CasemateError(answer.error.code, answer.error.message);
    return answer;
  }
}

/** How long a sweep may take at most, in milliseconds. */
function sweepLimitMs({ detectors, budget, rules }: SweepRequest): number {
  const { times, highCost, settleMs } = limits.detector;
  const each = chosenDetectors(detectors).map(({ cost }) => {
    return times * budget * (cost === "high" ? highCost : 1) + settleMs;
  });
  return each.reduce((sum, more) => sum + more, rules === undefined ? 0 : limits.rulesMs);
}
