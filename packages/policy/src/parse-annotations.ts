import { type Milliseconds, milliseconds } from "@casemate/core";
import type { Expr, PolicyJson } from "./cedar.ts";
import type { Duty } from "./decision.ts";
import { isRole, type Role, roles } from "./roles.ts";

/** What the annotations of a policy say. */
export interface Annotations {
  readonly id: string;
  readonly reason?: string;
  readonly duty?: Duty;
}

const known = ["id", "reason", "duty", "by", "count", "expires"];
const ofDuties = ["by", "count", "expires"];
const MAX_COUNT = 9;
/** An approval given long ago was given in another world. */
const MAX_EXPIRY_MS = 30 * 86_400_000;
const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The annotations of a policy, or one sentence for each thing wrong with them. */
export function parseAnnotations(json: PolicyJson): Annotations | readonly string[] {
  const problems: string[] = [];
  const notes = new Map(Object.entries(json.annotations ?? {}));
  for (const key of notes.keys()) {
    if (!known.includes(key)) {
      problems.push(`@${key} means nothing, expected one of ${known.join(", ")}`);
    }
  }
  const id = notes.get("id");
  if (id === undefined) problems.push('the policy has no name, expected @id("…")');
  else if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id)) {
    problems.push(`@id("${id}") is no name, expected lower-case words joined by hyphens`);
  }
  const reason = notes.get("reason");
  if (reason?.trim() === "") problems.push("@reason is empty, expected why the policy is there");
  const duty = notes.has("duty") ? parseDuty(json, notes, problems) : undefined;
  if (!notes.has("duty") && ofDuties.some((key) => notes.has(key))) {
    problems.push('@by, @count or @expires without a duty, expected @duty("approval")');
  }
  if (problems.length > 0 || id === undefined) return problems;
  return {
    id,
    ...(reason === undefined ? {} : { reason }),
    ...(duty === undefined ? {} : { duty }),
  };
}

function parseDuty(
  json: PolicyJson,
  notes: ReadonlyMap<string, string>,
  problems: string[],
): Duty | undefined {
  const before = problems.length;
  const [kind, by, count = "1", expires = "", reason] = [
    notes.get("duty"),
    notes.get("by"),
    notes.get("count"),
    notes.get("expires"),
    notes.get("reason"),
  ];
  if (kind !== "approval") problems.push(`@duty("${kind}") is unknown, expected "approval"`);
  if (!isRole(by)) problems.push(`@by("${by ?? ""}") is no role, expected ${roles.join(", ")}`);
  const persons = /^[1-9]$/.test(count) ? Number(count) : undefined;
  if (persons === undefined) {
    problems.push(`@count("${count}") is no number of persons, expected 1 to ${MAX_COUNT}`);
  }
  const expiresAfter = parseExpiry(expires);
  if (expiresAfter === undefined) {
    problems.push(
      `@expires("${expires}") is no time, expected one like 30m, 8h or 2d, at most 30d`,
    );
  }
  if (reason === undefined) problems.push("a duty needs a @reason that people will read");
  if (json.effect !== "forbid") problems.push("a duty is a forbid, this is a permit");
  if (isRole(by) && persons !== undefined && !isLiftedBy(json, by, persons)) {
    problems.push(
      `the approval it asks for would not lift it, expected unless { context.approvals["${by}"] >= ${persons} }`,
    );
  }
  if (problems.length > before) return undefined;
  if (!isRole(by) || persons === undefined || expiresAfter === undefined) return undefined;
  return {
    kind: "approval",
    policy: notes.get("id") ?? "",
    by,
    count: persons,
    expiresAfter,
    reason: reason ?? "",
  };
}

function parseExpiry(text: string): Milliseconds | undefined {
  const match = /^([1-9][0-9]{0,4})([mhd])$/.exec(text);
  const span = Number(match?.[1]) * (UNITS[match?.[2] ?? ""] ?? Number.NaN);
  return span <= MAX_EXPIRY_MS ? milliseconds(span) : undefined;
}

/** Whether some `unless` of the policy holds as soon as `count` persons approved as `role`, whatever else it says. */
function isLiftedBy({ conditions }: PolicyJson, role: Role, count: number): boolean {
  const wanted = JSON.stringify({
    ">=": {
      left: { ".": { left: { ".": { left: { Var: "context" }, attr: "approvals" } }, attr: role } },
      right: { Value: count },
    },
  });
  const holds = (body: Expr): boolean => {
    if ("||" in body && !Array.isArray(body["||"])) {
      return holds(body["||"].left) || holds(body["||"].right);
    }
    return canonical(body) === wanted;
  };
  return conditions.some(({ kind, body }) => kind === "unless" && holds(body));
}

/** JSON with the keys in the order used above. */
function canonical(value: unknown): string {
  const order = [">=", "left", ".", "Var", "attr", "right", "Value"];
  return JSON.stringify(value, (_key, each) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(
          Object.entries(each).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)),
        )
      : each,
  );
}
