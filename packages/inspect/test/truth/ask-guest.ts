import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openMemoryImage } from "@casemate/host";
import type { TestGuest } from "@casemate/lab";
import {
  type AnyView,
  attach,
  DATA_CLASSES,
  type Kernel,
  ProfileCache,
  parseArgument,
  views,
} from "../../src/index.ts";
import { Answers } from "./answers.ts";
import { quote } from "./make-memory.ts";
import { prepareTruths } from "./prepare-truths.ts";
import { attachToGuest } from "./read-guest.ts";
import type { ReadView, RunInGuest, Truth } from "./truth.ts";

/** A guest goes on while it is asked and read; one that is at rest for a moment is equal in one of so many rounds. */
const ROUNDS = 4;
const LIMITS = { milliseconds: 10_000 };

/** How one truth fared with one guest. */
export interface Outcome {
  readonly truth: Truth;
  /** Why the running guest, or its dump, differs; `undefined` where they are equal. */
  readonly failure: unknown;
  /** What was not compared: `not there: UDP-Lite`. */
  readonly notes: readonly string[];
}

/** What a guest said, and what its dump shows without its own types. */
export interface GuestAnswers {
  readonly outcomes: readonly Outcome[];
  /** Each view of the dump, and the same after its BTF was overwritten. */
  readonly rows: ReadonlyMap<string, unknown>;
  readonly rowsWithoutBtf: ReadonlyMap<string, unknown>;
  /** Whose types the last were read with. */
  readonly types: Kernel["facts"]["types"];
}

/**
 * Holds all truths against a running guest, read while it runs, and against a dump taken right afterwards
 * that is read with the answers the guest has just given.
 */
export async function askGuest(guest: TestGuest, truths: readonly Truth[]): Promise<GuestAnswers> {
  const run = packed((command) => guest.console.run(command));
  await prepareTruths(run, truths);
  const profiles = new ProfileCache();
  await using seen = await attachToGuest(guest, profiles);
  const read = readerOf(seen.kernel);
  const directory = await mkdtemp(join(tmpdir(), "casemate-truths-"));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(directory, { recursive: true }));
  const dump = join(directory, "dump.raw");

  const outcomes = new Map<Truth, Outcome>();
  const differs = () => truths.filter((truth) => outcomes.get(truth)?.failure !== undefined);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const asked = round === 1 ? truths : differs();
    if (asked.length === 0) break;
    const answers = new Map(asked.map((truth) => [truth, new Answers(run)]));
    for (const [truth, { ask }] of answers) outcomes.set(truth, await hold(truth, ask, read));
    await guest.dump(dump);
    await using memory = await openMemoryImage(dump);
    const readDump = readerOf(attach(memory));
    for (const [truth, { recall }] of answers) {
      if (outcomes.get(truth)?.failure !== undefined) continue;
      outcomes.set(truth, await hold(truth, recall, readDump));
    }
  }
  const rows = await readAll(dump, new ProfileCache());
  await eraseBtf(dump, seen.kernel);
  const without = await readAll(dump, profiles);
  return {
    outcomes: [...outcomes.values()],
    rows: rows.rows,
    rowsWithoutBtf: without.rows,
    types: without.types,
  };
}

/** Packs long answers: a serial line without KVM carries 80 KB/s, and /proc has a megabyte to say. */
function packed(run: RunInGuest): RunInGuest {
  return async (command) => {
    const { output, exitCode } = await run(
      `eval ${quote(command)} >/run/casemate-answer 2>&1; code=$?
      if [ $(busybox stat -c %s /run/casemate-answer) -lt 4000 ]; then busybox cat /run/casemate-answer
      else printf '\\002'; busybox gzip -1 -c /run/casemate-answer | busybox base64; fi; exit $code`,
    );
    if (!output.startsWith("\u0002")) return { output, exitCode };
    return { output: gunzipSync(Buffer.from(output.slice(1), "base64")).toString(), exitCode };
  };
}

async function hold(truth: Truth, run: RunInGuest, read: ReadView): Promise<Outcome> {
  const notes = new Set<string>();
  let failure: unknown;
  try {
    await truth.compare(run, read, (kind, what) => notes.add(`${kind}: ${what}`));
  } catch (thrown) {
    failure = thrown;
  }
  return { truth, failure, notes: [...notes] };
}

/** Looks until a look is not torn: a guest at rest gives one soon. */
function readerOf(kernel: Kernel): ReadView {
  const grant = kernel.grant(...DATA_CLASSES);
  return async (id, argument) => {
    const view = views.find((one) => one.id === id);
    if (view === undefined) throw new Error(`There is no view ${id}.`);
    for (let tries = 1; ; tries += 1) {
      const result = grant.read(view as AnyView, LIMITS, parseArgument(view, argument));
      const isWhole = result.consistency !== "torn" && result.damaged.length === 0;
      if (tries === 10 && result.damaged.length > 0) {
        throw new Error(`${id}: ${result.damaged.map(({ reason }) => reason).join("\n")}`);
      }
      if (isWhole || tries === 10) {
        return result.items as readonly Record<string, unknown>[]; // rows are objects of JSON's types
      }
    }
  };
}

/** All views of a dump that need no argument. */
async function readAll(dump: string, profiles: ProfileCache) {
  await using memory = await openMemoryImage(dump);
  const kernel = attach(memory, { profiles });
  const read = readerOf(kernel);
  const rows = new Map<string, unknown>();
  for (const view of views) {
    if (view.argument?.required === true) continue;
    // Whose types they were read with is the one thing that differs.
    rows.set(
      view.id,
      (await read(view.id)).map(({ types: _, ...row }) => row),
    );
  }
  return { rows, types: kernel.facts.types };
}

/** Zeros where the kernel has its types, as who owns a kernel can write there. */
async function eraseBtf(dump: string, kernel: Kernel): Promise<void> {
  const { value } = kernel.grant("kernelMetadata").look(({ kernel: reader }) => {
    const [start, stop] = [reader.symbol("__start_BTF"), reader.symbol("__stop_BTF")];
    return {
      at: Number(start - kernel.facts.textBase) + kernel.facts.physicalBase,
      length: Number(stop - start),
    };
  });
  await using file = await open(dump, "r+");
  await file.write(Buffer.alloc(value.length), 0, value.length, value.at);
}
