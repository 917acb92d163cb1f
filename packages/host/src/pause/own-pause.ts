import { CasemateError, microseconds, toCasemateError } from "@casemate/core";
import type { JournalEntry } from "../journal/journal-entry.ts";
import type { LibvirtConnection } from "../libvirt/libvirt-connection.ts";
import type { Pause, PauseEnd, PauseOutcome } from "./pause.ts";
import type { PauseRecord } from "./pause-record.ts";
import { resumeIfStillPaused } from "./resume-if-still-paused.ts";
import type { WatchdogAnswer } from "./watchdog/messages.ts";
import type { WatchdogProcess } from "./watchdog-process.ts";
import { within } from "./within.ts";

/** How long a libvirt that does not answer is waited for, in milliseconds. */
const patience = 10_000;

/** What a pause rests on; it looks after the watchdog and the entry until it is disposed of. */
export interface PauseGround {
  readonly connection: LibvirtConnection;
  /** What stands in the entry. */
  readonly record: PauseRecord;
  readonly watchdog: WatchdogProcess;
  readonly entry: JournalEntry;
}

/** A pause that Casemate made: the watchdog ends it, or this process when the watchdog has ended. */
export class OwnPause implements Pause {
  readonly pausedAt: Date;
  readonly #ground: PauseGround;
  readonly #started = performance.now();
  readonly #ended: Promise<PauseEnd>;
  #resumed: Promise<PauseEnd> | undefined;

  private constructor(ground: PauseGround) {
    this.#ground = ground;
    this.pausedAt = new Date(ground.record.pausedAt);
    this.#ended = this.#watchEnd();
    this.#ended.catch(() => {}); // told by resume
  }

  /**
   * Has the watchdog freeze the VM; `undefined` when somebody else had paused it. Where it throws the VM
   * was not frozen, or is resumed as soon as libvirt can.
   */
  static async begin(ground: PauseGround, signal?: AbortSignal): Promise<OwnPause | undefined> {
    const { watchdog, entry, record } = ground;
    try {
      watchdog.order("freeze");
      const late = () =>
        new CasemateError(
          "libvirt/unreachable",
          `Cannot pause ${record.name}: libvirt did not answer for ${patience} ms; the VM is resumed once it does.`,
        );
      const answer = await within(patience, watchdog.answer(), late, signal);
      if (answer?.kind === "frozen") return new OwnPause(ground);
      if (answer === undefined) await OwnPause.#takeOver(ground);
      if (answer?.kind !== "already-paused") throw watchdogEnded(ground);
    } catch (thrown) {
      // Where the watchdog lives it has the entry, and resumes the VM, at the end of its orders.
      watchdog[Symbol.dispose]();
      await entry[Symbol.asyncDispose]();
      throw thrown;
    }
    watchdog[Symbol.dispose]();
    await entry[Symbol.asyncDispose]();
    return undefined;
  }

  resume(): Promise<PauseEnd> {
    this.#resumed ??= this.#resume();
    return this.#resumed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isTold = this.#resumed !== undefined;
    try {
      await this.resume();
    } catch (thrown) {
      // Who called resume has heard of it; and a VM that stopped needs not be resumed.
      if (!isTold && toCasemateError(thrown).code !== "vm/gone") throw thrown;
    } finally {
      this.#ground.watchdog[Symbol.dispose]();
      await this.#ground.entry[Symbol.asyncDispose]();
    }
  }

  async #resume(): Promise<PauseEnd> {
    const { watchdog, record } = this.#ground;
    watchdog.order("thaw");
    return await within(
      patience,
      this.#ended,
      () =>
        new CasemateError(
          "vm/still-paused",
          `Cannot resume ${record.name}: libvirt did not answer for ${patience} ms, expected it to; the watchdog goes on trying.`,
        ),
    );
  }

  async #watchEnd(): Promise<PauseEnd> {
    const { watchdog, record } = this.#ground;
    const answer = await watchdog.answer();
    if (answer?.kind === "ended") return endOf(answer, record);
    if ((await OwnPause.#takeOver(this.#ground)) === "gone") throw gone(record);
    const elapsed = Math.ceil((performance.now() - this.#started) * 1_000);
    return { outcome: "ended-early", microseconds: microseconds(elapsed) };
  }

  /** The watchdog has ended and may have left the VM paused. */
  static async #takeOver({ connection, record, entry }: PauseGround) {
    try {
      const resumption = await resumeIfStillPaused(connection, record);
      await entry.remove();
      return resumption;
    } catch (cause) {
      throw new CasemateError(
        "vm/still-paused",
        `Cannot resume ${record.name}: ${toCasemateError(cause).message}`,
        { cause, next: "Casemate resumes it the next time it is started or used." },
      );
    }
  }
}

function endOf(
  { resumption, told, microseconds: elapsed }: Extract<WatchdogAnswer, { kind: "ended" }>,
  record: PauseRecord,
): PauseEnd {
  if (resumption === "gone") throw gone(record);
  const early: PauseOutcome = resumption === "resumed" ? "limit-reached" : "ended-early";
  const outcome = resumption === "resumed" && told ? "frozen" : early;
  return { outcome, microseconds: microseconds(elapsed) };
}

function gone({ name }: PauseRecord): CasemateError {
  return new CasemateError("vm/gone", `Cannot resume ${name}: it stopped while it was paused.`);
}

function watchdogEnded({ record, watchdog }: PauseGround): CasemateError {
  return new CasemateError(
    "internal",
    `Cannot pause ${record.name}: the watchdog ended (${watchdog.describeEnd()}), expected it to freeze the VM.`,
  );
}
