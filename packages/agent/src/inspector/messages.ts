import { CasemateError, type ErrorCode, errorCatalogue } from "@casemate/core";
import type { Consistency, Damage, Verdict } from "@casemate/inspect";
import { isRecord, parseFailure, parseRow } from "../confined/parse-row.ts";
import type { GuestSweep, SweepRequest } from "../guest-sweep.ts";
import type { ViewRequest } from "../inspectable-view.ts";
import type { ViewTable } from "../view-table.ts";
import { parseVerdict } from "./parse-verdict.ts";

/**
 * What the agent asks its inspector. The memory of a guest to attach comes over the other socket just before,
 * and after it the guest's disks where its memory alone did not do.
 */
export type InspectorRequest =
  | { readonly ask: "attach"; readonly guest: string; readonly withDisks: boolean }
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
  | { readonly ask: "detach"; readonly guest: string };

/** What a look at a view brought. */
export type ViewReading = Pick<ViewTable, "items" | "consistency" | "damaged" | "elapsedMs">;

/** What a sweep brought. */
export type SweepReading = Pick<GuestSweep, "verdicts" | "elapsedMs" | "cpuMs">;

/** What the inspector answers, in the order it was asked. */
export type InspectorAnswer =
  | { readonly done: true }
  | ViewReading
  | SweepReading
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

const limits = {
  items: 1_000_000,
  damaged: 1_000,
  message: 1_000,
  verdicts: 1_000,
};

/** Codes an inspector may end with; any other from it is not to be believed. */
const codes: ReadonlySet<string> = new Set(
  Object.keys(errorCatalogue).filter((code) => /^(vm|memory|kernel|inspect)\/|^usage$/.test(code)),
);

/**
 * The answer as a checked value.
 *
 * HOSTILE: the inspector may be in a guest's hands. Throws `inspect/crashed` for what does not fit.
 */
export function parseAnswer(value: unknown): InspectorAnswer {
  if (!isRecord(value)) throw unfit("no object");
  if (value["done"] === true) return { done: true };
  const { error, items, elapsedMs, cpuMs, consistency, damaged, verdicts } = value;
  if (isRecord(error)) return { error: parseFailure(error, codes, unfit) };
  if (verdicts !== undefined)
    return {
      verdicts: parseVerdicts(verdicts),
      elapsedMs: parseTime(elapsedMs),
      cpuMs: parseTime(cpuMs),
    };
  if (!Array.isArray(items) || items.length > limits.items) throw unfit("no list of items");
  if (!isConsistency(consistency)) throw unfit("no word on consistency");
  if (!Array.isArray(damaged) || damaged.length > limits.damaged) throw unfit("no list of damage");
  return {
    items: items.map((item) => parseRow(item, unfit)),
    elapsedMs: parseTime(elapsedMs),
    consistency,
    damaged: damaged.map(parseDamage),
  };
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
