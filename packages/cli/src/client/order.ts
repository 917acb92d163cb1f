import { randomUUID } from "node:crypto";
import { CasemateError } from "@casemate/core";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { printPlan, printRequest } from "../output/request.ts";
import { followRequest, type ShownPlan, type ShownRequest } from "./follow-request.ts";
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

/** As `placeOrder`; the request as it was last, where one was made. */
export async function followOrder(
  path: string,
  parameters: Readonly<Record<string, unknown>>,
  options: OrderOptions,
  context: Context,
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
    readonly duties: readonly {
      readonly by: string;
      readonly count: number;
      readonly reason: string;
    }[];
    readonly because: string | null;
  };
}

function printPreview({ plan, decision }: Preview, context: Context): void {
  const { output } = context;
  output.text(`${output.style.strong(plan.operation)}: nothing was changed.\n`);
  printPlan(plan, context);
  output.text("\n");
  if (decision.kind === "permitted") output.text("The policy permits it.\n");
  for (const { by, count, reason } of decision.duties) {
    output.text(`It needs the approval of ${count} ${by}: ${reason}.\n`);
  }
  if (decision.because !== null) output.text(`The policy denies it: ${decision.because}\n`);
}
