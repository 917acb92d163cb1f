import { toCasemateError } from "@casemate/core";
import type { Command } from "commander";
import { openQuestions } from "../client/ask.ts";
import { openClient } from "../client/open-client.ts";
import { type OrderOptions, placeOrder, withOrder } from "../client/order.ts";
import type { Context } from "../context.ts";
import { accountPath, withData } from "./account/command.ts";
import { configureCredentials } from "./account/credentials.ts";

interface Options {
  readonly data?: string;
}

interface CreateOptions extends Options {
  readonly person: string;
  readonly role: readonly string[];
  readonly temporary?: boolean;
  /** False for `--no-password`. */
  readonly password: boolean;
}

type Shown = Readonly<Record<string, unknown>>;

export function configureAccount(command: Command, context: Context): void {
  const { environment, output } = context;
  const open = (options: Options) => openClient(environment, options);
  const print = (account: Shown) => {
    if (output.json) output.document("Account", account);
    else output.table([{ title: "FIELD" }, { title: "VALUE" }], describe(account));
  };

  withData(command.command("list").description("every account")).action(
    async (options: Options) => {
      const { items } = await (await open(options)).get("/api/v1/accounts");
      const accounts = items as readonly Shown[]; // our own control plane answered
      if (output.json) output.document("AccountList", { items: accounts });
      else printAccounts(accounts, context);
    },
  );

  withData(command.command("show <name>").description("one account")).action(
    async (name: string, options: Options) =>
      print(await (await open(options)).get(accountPath(name))),
  );

  withData(
    command
      .command("create <name>")
      .description("make an account; its password is asked for, or is the first line of stdin"),
  )
    .requiredOption("--person <person>", "whose it is: the same for every account of one person")
    .option("--role <role>", "may be given again", collect, [])
    .option("--temporary", "it ends after 72 hours")
    .option("--no-password", "it logs in otherwise")
    .action(async (name: string, options: CreateOptions) => {
      const { person, role: roles, temporary = false } = options;
      using questions = openQuestions();
      const password = options.password
        ? { password: await questions.askSecret("Password: ") }
        : {};
      const client = await open(options);
      const draft = { name, person, temporary, ...password };
      const made = await alone(() => client.post("/api/v1/accounts", { ...draft, roles }));
      if (made !== undefined) print(made);
      else {
        print(await client.post("/api/v1/accounts", { ...draft, roles: [] }));
        await appoint(name, roles, { ...options, wait: true }, context);
      }
    });

  withOrder(
    command
      .command("roles <name> [role...]")
      .description("these roles and no others; a security officer approves it, once there is one"),
  ).action(async (name: string, roles: readonly string[], options: OrderOptions) => {
    const { dryRun = false, breakGlass } = options;
    const client = await open(options);
    const put = () => client.put(`${accountPath(name)}/roles`, { roles });
    const changed = dryRun || breakGlass !== undefined ? undefined : await alone(put);
    if (changed !== undefined) print(changed);
    else await appoint(name, roles, options, context);
  });

  for (const [verb, description] of [
    ["disable", "let nobody use it, and end its sessions"],
    ["enable", "let it be used again"],
    ["unlock", "forget its failed logins"],
  ] as const) {
    withData(command.command(`${verb} <name>`).description(description)).action(
      async (name: string, options: Options) =>
        print(await (await open(options)).post(`${accountPath(name)}/${verb}`)),
    );
  }

  configureCredentials(command, context);

  withData(
    command.command("whoami").description("who the command line works as, and with what"),
  ).action(async (options: Options) => {
    const principal = await (await open(options)).get("/api/v1/principal");
    if (output.json) output.document("Principal", principal);
    else output.table([{ title: "FIELD" }, { title: "VALUE" }], describe(principal));
  });
}

/** What comes of a change that one person may make; undefined for one that another must approve. */
async function alone(change: () => Promise<Shown>): Promise<Shown | undefined> {
  try {
    return await change();
  } catch (thrown) {
    if (toCasemateError(thrown).code !== "account/needs-appointment") throw thrown;
    return undefined;
  }
}

function appoint(
  account: string,
  roles: readonly string[],
  options: OrderOptions,
  context: Context,
): Promise<void> {
  return placeOrder("/api/v1/operations/account.appoint", { account, roles }, options, context);
}

function printAccounts(accounts: readonly Shown[], { output }: Context): void {
  output.table(
    [
      { title: "NAME" },
      { title: "PERSON" },
      { title: "ROLES" },
      { title: "STATE" },
      { title: "LAST LOGIN" },
    ],
    accounts.map(({ name, person, roles, disabled, lockedUntil, lastLoginAt }) => [
      String(name),
      String(person),
      Array.isArray(roles) ? roles.join(", ") : "",
      disabled !== undefined ? "disabled" : lockedUntil !== undefined ? "locked" : "open",
      String(lastLoginAt ?? "never"),
    ]),
  );
}

function describe(shown: Shown): string[][] {
  return Object.entries(shown)
    .filter(([key]) => key !== "apiVersion" && key !== "kind")
    .map(([key, value]) => [
      key,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
