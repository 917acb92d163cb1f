import { CasemateError, type ErrorCode } from "@casemate/core";
import type { FileEvent, Missed } from "@casemate/scan";
import { isRecord, parseFailure, parseRow } from "../confined/parse-row.ts";
import { type FollowerAnswer, followerCodes } from "./messages.ts";

const MOST_ROWS = 500_000;
const MOST_RANGES = 100_000;

/**
 * The follower's answer as a checked value: its shape, not whether it is true.
 *
 * HOSTILE: the follower may be in a guest's hands. Throws `inspect/crashed` for what does not fit.
 */
export function parseChanges(value: unknown): FollowerAnswer {
  if (!isRecord(value)) throw unfit("no object");
  const { error, files, events, missed } = value;
  if (isRecord(error)) return { error: parseFailure(error, followerCodes, unfit) };
  const gaps = listOf(missed, MOST_ROWS).map(parseMissed);
  if (typeof files === "number") return { files, missed: gaps };
  return { events: listOf(events, MOST_ROWS).map(parseEvent), missed: gaps };
}

function parseEvent(value: unknown): FileEvent {
  const row = recordOf(value);
  const { kind } = row;
  const place = { path: textOf(row["path"]), inode: numberOf(row["inode"]) };
  switch (kind) {
    case "created":
    case "deleted": {
      const stat = parseRow(recordOf(row["stat"]), unfit);
      return { kind, ...place, stat: stat as unknown as StatOf }; // plain values, only shown
    }
    case "moved":
      return { kind, ...place, from: textOf(row["from"]) };
    case "contents": {
      const ranges = listOf(row["ranges"], MOST_RANGES).map((range) => {
        const { start, end } = recordOf(range);
        return { start: numberOf(start), end: numberOf(end) };
      });
      return { kind, ...place, ranges };
    }
    case "metadata":
      return { kind, ...place, changes: parseRow(recordOf(row["changes"]), unfit) };
    default:
      throw unfit("an event of no known kind");
  }
}

type StatOf = Extract<FileEvent, { readonly kind: "created" }>["stat"];

function parseMissed(value: unknown): Missed {
  const { what, code, reason } = recordOf(value);
  const known = typeof code === "string" && followerCodes.has(code) ? code : "inspect/crashed";
  return { what: textOf(what), code: known as ErrorCode, reason: textOf(reason) }; // a code of ours
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw unfit("no object where one is to be");
}

function listOf(value: unknown, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw unfit("no list where one is to be");
}

function textOf(value: unknown): string {
  if (typeof value === "string" && value.length <= 64 * 1024) return value;
  throw unfit("no text where one is to be");
}

function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  throw unfit("no number where one is to be");
}

function unfit(seen: string): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    `Cannot take the follower's answer: ${seen}, expected what happened or an error.`,
  );
}
