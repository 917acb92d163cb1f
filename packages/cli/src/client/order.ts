import { randomUUID } from "node:crypto";
import { CasemateError } from "@casemate/core";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { describeDuties } from "../output/describe-duties.ts";
import { printPlan, printRequest } from "../output/request.ts";
import { stopOnSignals } from "../stop-on-signals.ts";
import {
  followRequest,
  type ShownDuty,
  type ShownPlan,
  type ShownRequest,
} from "./follow-request.ts";
import { openClient } from "./open-client.ts";

/** What every operation may be told besides its own parameters. */
export interface OrderOptions {
  readonly data?: string;
  readonly dryRun?: boolean;
  /** False for `--no-wait`. */
  readonly wait: boolean;
  readonly requestId?: string;
  readonly breakGlass?: string;
  readonly reason?: string;
}

/**
 * Asks for an operation at `path` and follows it to its end, or prints what it would do.
 *
 * Throws `usage` and whatever the API answers.
 */
export async function placeOrder(...order: Parameters<typeof followOrder>): Promise<void> {
  await followOrder(...order);
}

/**
 * As `placeOrder`; the request as it was last, where one was made.
 *
 * @param how.withdraws whether who interrupts the command ends the operation too, and waits until nothing is left
 */
export async function followOrder(
  path: string,
  parameters: Readonly<Record<string, unknown>>,
  options: OrderOptions,
  context: Context,
  how: { readonly withdraws?: boolean } = {},
): Promise<ShownRequest | undefined> {
  const { environment, output, progress } = context;
  const { dryRun = false, requestId = randomUUID(), breakGlass, reason } = options;
  if ((breakGlass === undefined) !== (reason === undefined)) {
    throw new CasemateError(
      "usage",
      "Cannot break the glass: expected --break-glass with --reason.",
    );
  }
  const client = await openClient(environment, options);
  const document = await client.post(path, {
    ...{ requestId, parameters, dryRun },
    ...(breakGlass === undefined ? {} : { breakGlass: { code: breakGlass, reason } }),
  });
  if (dryRun) {
    if (output.json) output.document("PlanPreview", document);
    else printPreview(document as unknown as Preview, context); // our own control plane answered
    return undefined;
  }
  const taken = document as unknown as ShownRequest; // our own control plane answered
  const { wait } = options;
  if (wait && how.withdraws === true) {
    // Where it cannot be withdrawn it has ended, or the control plane has: following it says so.
    stopOnSignals(() => void client.post(`/api/v1/requests/${taken.id}/cancel`).catch(() => {}));
  }
  const last = wait ? await followRequest(client, taken.id, progress) : taken;
  if (!wait && !output.json) output.text(`Request ${taken.id}: ${taken.state}\n`);
  else printRequest(last, context);
  return last;
}

/** What every operation may be told. */
export function withOrder(command: Command): Command {
  return command
    .option("--dry-run", "only say what it would do")
    .option("--no-wait", "do not wait for its end")
    .option("--request-id <uuid>", "the same id again is the same request")
    .option("--break-glass <code>", "pass approvals by with the sealed code")
    .option("--reason <text>", "why, where the glass is broken")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON");
}

interface Preview {
  readonly plan: ShownPlan;
  readonly decision: {
    readonly kind: string;
    readonly duties: readonly ShownDuty[];
    readonly because: string | null;
  };
}

function printPreview({ plan, decision }: Preview, context: Context): void {
  const { output } = context;
  output.text(`${output.style.strong(plan.operation)}: nothing was changed.\n`);
  printPlan(plan, context);
  output.text("\n");
  if (decision.kind === "permitted") output.text("The policy permits it.\n");
  for (const line of describeDuties(decision.duties)) output.text(`${line}\n`);
  if (decision.because !== null) output.text(`The policy denies it: ${decision.because}\n`);
}
