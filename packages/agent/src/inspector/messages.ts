import { CasemateError, type ErrorCode, errorCatalogue, type Milliseconds } from "@casemate/core";
import type {
  AgentAnswer,
  AgentQuestion,
  Consistency,
  Damage,
  Glance,
  Verdict,
} from "@casemate/inspect";
import { isRecord, parseFailure, parseRow } from "../confined/parse-row.ts";
import type { GuestGlance } from "../guest-glance.ts";
import type { GuestPages, PagesRequest } from "../guest-pages.ts";
import type { GuestSweep, SweepRequest } from "../guest-sweep.ts";
import type { ViewRequest } from "../inspectable-view.ts";
import type { ViewTable } from "../view-table.ts";
import { parseAgentQuestions } from "./parse-agent-questions.ts";
import { parsePages } from "./parse-pages.ts";
import { parseVerdict } from "./parse-verdict.ts";

/**
 * What the agent asks its inspector. The memory of a guest to attach comes over the other socket just before,
 * and after it the guest's disks where its memory alone did not do.
 */
export type InspectorRequest =
  | {
      readonly ask: "attach";
      readonly guest: string;
      readonly withDisks: boolean;
    }
  | { readonly ask: "view"; readonly guest: string; readonly request: ViewRequest }
  /** Walks as for a view, and keeps what it saw until it is fetched: the guest may stand still meanwhile. */
  | { readonly ask: "walk"; readonly guest: string; readonly request: ViewRequest }
  | { readonly ask: "fetch" }
  /** Has detectors look; the guest's disks come just before where they are to be held against memory. */
  | {
      readonly ask: "sweep";
      readonly guest: string;
      readonly request: SweepRequest;
      readonly withDisks: boolean;
    }
  /** What the agent in the guest is to be asked next for a sweep, given the answers to what was asked before. */
  | {
      readonly ask: "interview";
      readonly guest: string;
      readonly request: Pick<SweepRequest, "budget" | "detectors" | "classes">;
      readonly answers: readonly AgentAnswer[] | undefined;
    }
  | { readonly ask: "glance"; readonly guest: string; readonly budget: Milliseconds }
  | { readonly ask: "pages"; readonly guest: string; readonly request: PagesRequest }
  | { readonly ask: "detach"; readonly guest: string };

/** What a look at a view brought. */
export type ViewReading = Pick<ViewTable, "items" | "consistency" | "damaged" | "elapsedMs">;

/** What a sweep brought. */
export type SweepReading = Pick<GuestSweep, "verdicts" | "elapsedMs" | "cpuMs">;

/** What a glance brought. */
export type GlanceReading = Glance & Pick<GuestGlance, "cpuMs">;

/** What reading pages brought. */
export type PagesReading = Omit<GuestPages, "takenAt">;

/** What the inspector answers, in the order it was asked. */
export type InspectorAnswer =
  | { readonly done: true }
  | ViewReading
  | SweepReading
  | PagesReading
  | { readonly glance: GlanceReading }
  | { readonly questions: readonly AgentQuestion[] }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

const limits = {
  items: 1_000_000,
  damaged: 1_000,
  message: 1_000,
  verdicts: 1_000,
};

/** Codes an inspector may end with; any other from it is not to be believed. */
const codes: ReadonlySet<string> = new Set(
  Object.keys(errorCatalogue).filter((code) =>
    /^(vm|memory|kernel|inspect|rules)\/|^usage$/.test(code),
  ),
);

/**
 * The answer as a checked value.
 *
 * HOSTILE: the inspector may be in a guest's hands. Throws `inspect/crashed` for what does not fit.
 */
export function parseAnswer(value: unknown): InspectorAnswer {
  if (!isRecord(value)) throw unfit("no object");
  if (value["done"] === true) return { done: true };
  const { error, items, elapsedMs, cpuMs, consistency, damaged, verdicts, pages, questions } =
    value;
  if (isRecord(error)) return { error: parseFailure(error, codes, unfit) };
  if (value["glance"] !== undefined) return { glance: parseGlance(value["glance"]) };
  if (questions !== undefined) return { questions: parseAgentQuestions(questions, unfit) };
  if (verdicts !== undefined)
    return {
      verdicts: parseVerdicts(verdicts),
      elapsedMs: parseTime(elapsedMs),
      cpuMs: parseTime(cpuMs),
    };
  if (!isConsistency(consistency)) throw unfit("no word on consistency");
  if (pages !== undefined) {
    return { ...parsePages(value, unfit), elapsedMs: parseTime(elapsedMs), consistency };
  }
  if (!Array.isArray(items) || items.length > limits.items) throw unfit("no list of items");
  if (!Array.isArray(damaged) || damaged.length > limits.damaged) throw unfit("no list of damage");
  return {
    items: items.map((item) => parseRow(item, unfit)),
    elapsedMs: parseTime(elapsedMs),
    consistency,
    damaged: damaged.map(parseDamage),
  };
}

function parseGlance(value: unknown): GlanceReading {
  if (!isRecord(value)) throw unfit("half a glance");
  const { modules, digest, tainted, nextProgram, uptime, cpuMs } = value;
  if (typeof digest !== "string" || !/^[0-9a-f]{64}$/.test(digest)) throw unfit("half a glance");
  return {
    ...{ modules: parseCount(modules), digest, tainted: parseCount(tainted) },
    ...{ nextProgram: parseCount(nextProgram), uptime: parseTime(uptime), cpuMs: parseTime(cpuMs) },
  };
}

function parseCount(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value)) throw unfit("half a glance");
  return value;
}

function parseVerdicts(verdicts: unknown): readonly Verdict[] {
  if (!Array.isArray(verdicts) || verdicts.length > limits.verdicts) throw unfit("no verdicts");
  return verdicts.map((each) => parseVerdict(each, unfit));
}

function parseTime(elapsedMs: unknown): number {
  if (typeof elapsedMs !== "number" || !(elapsedMs >= 0)) throw unfit("no time");
  return elapsedMs;
}

function isConsistency(value: unknown): value is Consistency {
  return value === "consistent" || value === "retried" || value === "torn";
}

function parseDamage(damage: unknown): Damage {
  if (!isRecord(damage)) throw unfit("damage that is no object");
  const { object, reason } = damage;
  if (typeof object !== "string" || typeof reason !== "string") throw unfit("half a damage");
  return { object: object.slice(0, limits.message), reason: reason.slice(0, limits.message) };
}

function unfit(seen: string): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    `Cannot take the inspector's answer: ${seen}, expected a table, verdicts or an error.`,
  );
}
