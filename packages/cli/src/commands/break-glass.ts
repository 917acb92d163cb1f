import type { Command } from "commander";
import { openClient } from "../client/open-client.ts";
import type { Context } from "../context.ts";

interface Options {
  readonly data?: string;
}

interface Use {
  readonly id: string;
  readonly usedAt: string;
  readonly account: string;
  readonly requestId: string;
  readonly reason: string;
  readonly reviewedBy: string | null;
  readonly note: string | null;
}

export function configureBreakGlass(command: Command, context: Context): void {
  const { environment, output } = context;

  withData(
    command
      .command("seal")
      .description("make a code that passes approvals by once; keep it sealed"),
  ).action(async (options: Options) => {
    const client = await openClient(environment, options);
    const document = await client.post("/api/v1/break-glass/seal");
    if (output.json) output.document("BreakGlassCode", document);
    else {
      output.text(`${String(document["code"])}\n`);
      output.text("It is shown this once. Put it where two people must go together.\n");
    }
  });

  withData(command.command("list").description("when approvals were passed by")).action(
    async (options: Options) => {
      const client = await openClient(environment, options);
      printUses(await client.get("/api/v1/break-glass"), context);
    },
  );

  withData(command.command("review <use>").description("say what is to be said of a use"))
    .requiredOption("--note <text>", "what was found")
    .action(async (id: string, { note, ...options }: Options & { readonly note: string }) => {
      const client = await openClient(environment, options);
      const path = `/api/v1/break-glass/${encodeURIComponent(id)}/review`;
      printUses(await client.post(path, { note }), context);
    });
}

function printUses(document: Readonly<Record<string, unknown>>, { output }: Context): void {
  const items = document["items"] as readonly Use[]; // our own control plane answered
  if (output.json) {
    output.document("BreakGlassUseList", { items });
    return;
  }
  output.table(
    [
      { title: "USE" },
      { title: "AT" },
      { title: "BY" },
      { title: "REQUEST" },
      { title: "REASON" },
      { title: "REVIEWED BY" },
    ],
    items.map(({ id, usedAt, account, requestId, reason, reviewedBy }) => [
      id,
      usedAt,
      account,
      requestId,
      reason,
      reviewedBy ?? "nobody yet",
    ]),
  );
}

function withData(command: Command): Command {
  return command
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON");
}
