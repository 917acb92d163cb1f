import { type Command, InvalidArgumentError } from "commander";
import { openClient } from "../client/open-client.ts";
import type { Context } from "../context.ts";
import { accountPath, withData } from "./account/command.ts";

interface Options {
  readonly data?: string;
  readonly account?: string;
}

interface IssueOptions extends Options {
  readonly scope: readonly string[];
  readonly days?: number;
}

interface ShownToken {
  readonly id: string;
  readonly name: string;
  readonly scopes: "all" | readonly string[];
  readonly expiresAt: string;
  readonly lastUsedAt?: string;
}

export function configureToken(command: Command, { environment, output }: Context): void {
  withData(
    command
      .command("issue <name>")
      .description("a token for a program that works for you; its text is shown this once"),
  )
    .option(
      "--scope <action>",
      "an action or group, as vm.start or read; may be given again",
      collect,
      [],
    )
    .option("--days <n>", "how long it lasts", parseDays)
    .action(async (name: string, { scope, days, ...options }: IssueOptions) => {
      const client = await openClient(environment, options);
      const scopes = scope.length === 0 ? "all" : scope;
      const draft = { name, scopes, ...(days === undefined ? {} : { days }) };
      const issued = await client.post("/api/v1/tokens", draft);
      if (output.json) output.document("NewApiToken", issued);
      else output.text(`${String(issued["token"])}\n`);
    });

  withData(command.command("list").description("your own tokens, or an account's"))
    .option("--account <name>", "whose")
    .action(async (options: Options) => {
      const { items } = await (await openClient(environment, options)).get(tokensOf(options));
      const tokens = items as readonly ShownToken[]; // our own control plane answered
      if (output.json) output.document("ApiTokenList", { items: tokens });
      else {
        output.table(
          [
            { title: "TOKEN" },
            { title: "NAME" },
            { title: "FOR" },
            { title: "UNTIL" },
            { title: "LAST USED" },
          ],
          tokens.map(({ id, name, scopes, expiresAt, lastUsedAt }) => [
            id,
            name,
            scopes === "all" ? "all" : scopes.join(", "),
            expiresAt,
            lastUsedAt ?? "never",
          ]),
        );
      }
    });

  withData(command.command("revoke <token>").description("let it open nothing any more"))
    .option("--account <name>", "whose, if it is not yours")
    .action(async (id: string, options: Options) => {
      const client = await openClient(environment, options);
      await client.delete(`${tokensOf(options)}/${encodeURIComponent(id)}`);
      if (output.json) output.document("Done", {});
      else output.text("Revoked.\n");
    });
}

function parseDays(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a number of days.");
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** Where the API has the tokens that are meant. */
function tokensOf({ account }: Options): string {
  return account === undefined ? "/api/v1/tokens" : `${accountPath(account)}/tokens`;
}
