/**
 * The extractor: copies one guest's RAM into a file, without a right of its own but the descriptors it is handed
 * over the local socket on descriptor 3. It looks at no byte of it.
 */

import { CasemateError, isDiskFull, toCasemateError } from "@casemate/core";
import {
  type ExtractStep,
  type GuestMemoryDescription,
  MemoryExtract,
  memoryFrom,
  receiveFds,
} from "@casemate/host";
import { encodeFrame } from "../confined/frames.ts";
import { fdSocket, fdTimeoutMs, serve } from "../confined/serve.ts";
import type { ExtractorAnswer, ExtractorRequest, PassProgress } from "./messages.ts";

let extract: MemoryExtract | undefined;
let pass: Generator<ExtractStep> | undefined;
/** Of the pass that goes on. */
let changed = 0;

async function answer(request: ExtractorRequest): Promise<ExtractorAnswer> {
  try {
    switch (request.ask) {
      case "open": {
        const { text, fds } = receiveFds(fdSocket, fdTimeoutMs);
        const description = JSON.parse(text) as GuestMemoryDescription; // the agent is trusted, and wrote it
        const fd = fds.at(-1) ?? -1;
        const memory = memoryFrom(description, fds.slice(0, -1));
        extract = new MemoryExtract(memory, { fd, at: request.at });
        return { bytes: extract.bytes, ramBytes: extract.ramBytes };
      }
      case "pass":
        pass = extract?.pass();
        changed = 0;
        return goOn(request.sliceMs);
      case "go-on":
        return goOn(request.sliceMs);
    }
  } catch (thrown) {
    throw asFullDisk(thrown);
  }
}

function goOn(sliceMs: number): PassProgress {
  if (pass === undefined) throw new Error("Asked to go on with a pass that was never begun.");
  const end = performance.now() + sliceMs;
  for (let passed = 0; ; ) {
    const step = pass.next();
    if (step.done === true) return { passed, changed, isOver: true };
    passed = step.value.passed;
    changed += step.value.changed;
    if (performance.now() >= end) return { passed, changed, isOver: false };
  }
}

function asFullDisk(thrown: unknown): CasemateError {
  if (!isDiskFull(thrown)) return toCasemateError(thrown);
  return new CasemateError(
    "disk/full",
    "Cannot write the extract of the guest's RAM: no space is left on its file system.",
    { cause: thrown },
  );
}

await serve(answer, encodeFrame);
