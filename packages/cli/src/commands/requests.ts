import type { Command } from "commander";
import { openApprovalKey } from "../client/approval-key.ts";
import type { ShownRequest } from "../client/follow-request.ts";
import { followRequest } from "../client/follow-request.ts";
import { openClient } from "../client/open-client.ts";
import type { Context } from "../context.ts";
import { printRequest, printRequestInFull } from "../output/request.ts";

interface Options {
  readonly data?: string;
}

interface ListOptions extends Options {
  readonly state?: string;
  readonly all?: boolean;
}

export function configureRequests(command: Command, context: Context): void {
  const { environment, output, progress } = context;

  withData(command.command("list").description("what was asked for, the newest first"))
    .option("--state <state>", "only those in this state, as awaiting-approval")
    .option("--all", "looks into VMs too")
    .action(async (options: ListOptions) => {
      const client = await openClient(environment, options);
      const query = new URLSearchParams();
      if (options.state !== undefined) query.set("state", options.state);
      if (options.all === true) query.set("looks", "true");
      const { items } = await client.get(`/api/v1/requests?${query}`);
      const requests = items as readonly ShownRequest[]; // our own control plane answered
      if (output.json) output.document("RequestList", { items: requests });
      else printRequests(requests, context);
    });

  withData(command.command("show <request>").description("one request with its plan")).action(
    async (id: string, options: Options) => {
      const client = await openClient(environment, options);
      const document = await client.get(pathOf(id));
      const request = document as unknown as ShownRequest; // our own control plane answered
      if (output.json) output.document("Request", request);
      else printRequestInFull(request, context);
    },
  );

  withData(
    command
      .command("approve <request>")
      .description("say yes to a request's plan, signed with this user's approval key"),
  )
    .option("--plan <hash>", "the plan that was looked at; refused where it is another by now")
    .action(async (id: string, options: Options & { readonly plan?: string }) => {
      const client = await openClient(environment, options);
      const { planHash: current } = await client.get(pathOf(id));
      const planHash = options.plan ?? String(current);
      const key = await openApprovalKey(environment.approvalKeyFile);
      const { approvalText } = await import("@casemate/control/approval-text");
      const { publicKey: known } = await client.get("/api/v1/account/approval-key");
      if (known === null) {
        await client.post("/api/v1/account/approval-key", { publicKey: key.publicKey });
      }
      const signature = {
        publicKey: key.publicKey,
        value: key.sign(approvalText(id, planHash)),
      };
      const document = await client.post(`${pathOf(id)}/approve`, { planHash, signature });
      const approved = document as unknown as ShownRequest; // our own control plane answered
      // A look does not begin before its requester comes for the answer.
      const hasBegun = approved.state !== "approved" || approved.progress !== undefined;
      printRequest(hasBegun ? await followRequest(client, id, progress) : approved, context);
    });

  withData(command.command("reject <request>").description("say no to a request"))
    .requiredOption("--reason <text>", "why")
    .action(async (id: string, options: Options & { readonly reason: string }) => {
      const client = await openClient(environment, options);
      const { reason } = options;
      const document = await client.post(`${pathOf(id)}/reject`, { reason });
      if (output.json) output.document("Request", document);
      else output.text(`Rejected request ${id}.\n`);
    });

  withData(
    command.command("cancel <request>").description("withdraw a request, or ask it to stop"),
  ).action(async (id: string, options: Options) => {
    const client = await openClient(environment, options);
    const document = await client.post(`${pathOf(id)}/cancel`);
    printRequest(document as unknown as ShownRequest, context); // our own control plane answered
  });
}

function printRequests(requests: readonly ShownRequest[], { output }: Context): void {
  output.table(
    [
      { title: "REQUEST" },
      { title: "OPERATION" },
      { title: "ON" },
      { title: "STATE" },
      { title: "ASKED BY" },
      { title: "AT" },
    ],
    requests.map(({ id, operation, target, state, requester, madeAt }) => [
      id,
      operation,
      target.name ?? target.hostId ?? "Casemate",
      state,
      requester.account,
      madeAt,
    ]),
  );
}

function pathOf(id: string): string {
  return `/api/v1/requests/${encodeURIComponent(id)}`;
}

function withData(command: Command): Command {
  return command
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON");
}
