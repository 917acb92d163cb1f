import { ExitCode, formatBytes } from "@casemate/core";
import type { ShownDuty, ShownPlan, ShownRequest } from "../client/follow-request.ts";
import type { Context } from "../context.ts";
import { describeDuties } from "./describe-duties.ts";
import { printable } from "./printable.ts";

/** What the request came to, as text or JSON, with the exit code that says so. */
export function printRequest(request: ShownRequest, context: Context): void {
  const { output } = context;
  context.exitWith(exitCodeOf(request.state));
  if (output.json) {
    output.document("Request", request);
    return;
  }
  const { id, operation, state, target, message, duties } = request;
  const what = `${operation} ${target.name ?? target.hostId ?? ""}`.trim();
  output.text(`${printable(what)}: ${output.style.strong(state)}\n`);
  if (message !== undefined) output.text(`  ${printable(message)}\n`);
  if (state === "approved") output.text(`  Its requester gets the answer with --request ${id}\n`);
  if (state !== "awaiting-approval") return;
  printDuties(duties, context);
  output.text(`  See the plan and approve it: casemate requests show ${id}\n`);
}

/** The whole request with its plan. */
export function printRequestInFull(request: ShownRequest, context: Context): void {
  const { output } = context;
  const { id, operation, state, target, requester, madeAt, approvals, duties, policies } = request;
  const rows = [
    ["request", id],
    ["operation", operation],
    ["on", target.name ?? target.hostId ?? "Casemate itself"],
    ["state", state + (request.breakGlass ? " (behind broken glass)" : "")],
    ["asked by", `${requester.account} (${requester.person})`],
    ["at", madeAt],
    ["policies", policies.join(", ")],
    ...approvals.map((each) => ["approved by", `${each.account}, until ${each.expiresAt}`]),
    ...(request.message === undefined ? [] : [["message", request.message]]),
    ...Object.entries(request.result ?? {}).map(([key, value]) => [key, String(value)]),
  ];
  output.table([{ title: "FIELD" }, { title: "VALUE" }], rows);
  if (request.plan !== undefined) printPlan(request.plan, context);
  if (state === "awaiting-approval") printDuties(duties, context);
}

/** What would be done, step by step. */
export function printPlan(plan: ShownPlan, { output }: Context): void {
  const { steps, effects, irreversible, destroysState, downtime, diskBytes, hash } = plan;
  const list = (title: string, lines: readonly string[]) => {
    if (lines.length === 0) return;
    output.text(`\n${output.style.strong(title)}\n`);
    for (const line of lines) output.text(`  ${printable(line)}\n`);
  };
  list(
    "STEPS",
    steps.map((step, i) => `${i + 1}. ${step}`),
  );
  list(
    "AFFECTED",
    effects.map(({ kind, id, change }) => `${kind} ${id}: ${change}`),
  );
  list("CANNOT BE TAKEN BACK", irreversible);
  list("TO KNOW", [
    ...(destroysState ? ["A state of the VM is lost."] : []),
    ...(downtime ? ["The guest stops working for a while."] : []),
    ...(diskBytes > 0 ? [`It takes ${formatBytes(diskBytes)} on disk.`] : []),
    `Plan ${hash}`,
  ]);
}

function printDuties(duties: readonly ShownDuty[], { output }: Context): void {
  output.text("\n");
  for (const line of describeDuties(duties)) output.text(`  ${line}\n`);
}

function exitCodeOf(state: string): ExitCode {
  switch (state) {
    case "done":
    case "approved":
      return ExitCode.done;
    case "denied":
    case "awaiting-approval":
    case "rejected":
    case "expired":
      return ExitCode.denied;
    case "unknown":
      return ExitCode.inconclusive;
    default:
      return ExitCode.failed;
  }
}
