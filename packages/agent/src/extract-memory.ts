import { closeSync } from "node:fs";
import { join } from "node:path";
import { CasemateError, type Milliseconds } from "@casemate/core";
import { type OpenGuestMemory, type Pause, sendFds } from "@casemate/host";
import { type ConfinedProcess, startConfinedProcess } from "./confined/confined-process.ts";
import {
  type ExtractorAnswer,
  type ExtractorRequest,
  type PassProgress,
  parseExtractorAnswer,
} from "./extractor/messages.ts";
import type {
  MemoryExtraction,
  MemoryExtractionRequest,
  OnExtracted,
} from "./memory-extraction.ts";

const limits = {
  /** How long the extractor copies before it says how far it is, in milliseconds. */
  sliceMs: 100,
  /** For one slice: a disk that is written to faster than it can take makes its writer wait. */
  answerMs: 60_000,
};
/** What of the whole the first pass is: it is the one that writes. */
const FIRST = 0.8;

type Extractor = ConfinedProcess<ExtractorRequest, ExtractorAnswer>;

/** A guest whose RAM is to be copied. */
export interface ExtractedGuest {
  open(): Promise<OpenGuestMemory>;
  pause(limit?: Milliseconds): Promise<Pause>;
}

/**
 * Copies a guest's whole RAM into a file, off this thread by a process without rights: once while it runs, then
 * again what changed meanwhile, for which it stands still where that is asked for. A guest that stands still by
 * itself, or whose RAM nobody changed between, has a consistent extract without it.
 *
 * Throws what opening and pausing the guest do, `vm/gone`, `disk/full`, `inspect/*`, and why `signal` was aborted.
 */
export async function extractMemory(
  guest: ExtractedGuest,
  { fd, at, pause }: MemoryExtractionRequest,
  onExtracted?: OnExtracted,
  signal?: AbortSignal,
): Promise<MemoryExtraction> {
  const started = performance.now();
  await using extractor: Extractor = startConfinedProcess({
    name: "extractor",
    main: join(import.meta.dirname, "extractor", "main.ts"),
    parse: parseExtractorAnswer,
  });
  await sendMemory(extractor, guest, fd);
  const size = await ask(extractor, { ask: "open", at }, signal);
  if (!("ramBytes" in size)) throw unexpected();
  const { ramBytes } = size;
  const pass = (from: number, share: number) =>
    passOver(extractor, (passed) => onExtracted?.(from + (share * passed) / ramBytes), signal);

  await pass(0, FIRST);
  const done = (last: PassProgress) => ({
    ...{ ...size, changedBytes: last.changed },
    elapsedMs: performance.now() - started,
  });
  if (pause === undefined) {
    const takenAt = new Date();
    const last = await pass(FIRST, 1 - FIRST);
    return { takenAt, consistency: last.changed === 0 ? "consistent" : "torn", ...done(last) };
  }
  // What a slow disk made the first pass leave behind is not to be waited for while the guest stands still.
  await pass(FIRST, (1 - FIRST) / 2);
  await using held = await guest.pause(pause.limit);
  const last = await pass((1 + FIRST) / 2, (1 - FIRST) / 2);
  const paused = await held.resume();
  const stood = paused.outcome === "frozen" || paused.outcome === "already-paused";
  const consistency = stood ? "consistent" : "torn";
  return { takenAt: held.pausedAt, consistency, paused, ...done(last) };
}

async function sendMemory(
  extractor: Extractor,
  guest: ExtractedGuest,
  file: number,
): Promise<void> {
  const { description, fds } = await guest.open();
  try {
    sendFds(extractor.socket, JSON.stringify(description), [...fds, file]);
  } finally {
    for (const fd of fds) closeSync(fd); // the extractor has its own copies
  }
}

/** One pass; tells how many bytes of RAM it has come past. */
async function passOver(
  extractor: Extractor,
  onPassed: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<PassProgress> {
  const { sliceMs } = limits;
  for (let step: "pass" | "go-on" = "pass"; ; step = "go-on") {
    const answer = await ask(extractor, { ask: step, sliceMs }, signal);
    if (!("isOver" in answer)) throw unexpected();
    if (answer.isOver) return answer;
    onPassed(answer.passed);
  }
}

async function ask(
  extractor: Extractor,
  request: ExtractorRequest,
  signal: AbortSignal | undefined,
): Promise<Exclude<ExtractorAnswer, { readonly error: unknown }>> {
  const answer = await extractor.ask(request, limits.answerMs, signal);
  if ("error" in answer) throw new CasemateError(answer.error.code, answer.error.message);
  return answer;
}

function unexpected(): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    "Cannot take the extractor's answer: it is of another question, expected how far it is.",
  );
}
