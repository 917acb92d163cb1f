import type { Command } from "commander";
import { openQuestions } from "../../client/ask.ts";
import { openClient } from "../../client/open-client.ts";
import type { Context } from "../../context.ts";
import { accountPath, withData } from "./command.ts";

interface Options {
  readonly data?: string;
}

interface IdentityOptions extends Options {
  readonly issuer: string;
  readonly subject: string;
}

interface ShownSession {
  readonly id: string;
  readonly method: string;
  readonly mfa: boolean;
  readonly address: string;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
}

/** How accounts are opened: passwords, authenticator apps, OpenID subjects; and the sessions that are open. */
export function configureCredentials(command: Command, { environment, output }: Context): void {
  const open = (options: Options) => openClient(environment, options);
  const tell = (sentence: string) => {
    if (output.json) output.document("Done", {});
    else output.text(`${sentence}\n`);
  };

  withData(
    command
      .command("password [name]")
      .description("change your own, or give an account one that its owner must change"),
  ).action(async (name: string | undefined, options: Options) => {
    const client = await open(options);
    using questions = openQuestions();
    if (name === undefined) {
      const current = await questions.askSecret("Present password: ");
      const password = await questions.askSecret("New password: ");
      await client.post("/api/v1/account/password", { current, password });
      tell("The password is changed; your other sessions have ended.");
    } else {
      const password = await questions.askSecret("Password: ");
      await client.put(`${accountPath(name)}/password`, { password });
      tell(`${name} must change it at the next login.`);
    }
  });

  withData(
    command
      .command("totp")
      .description("have your logins ask for an authenticator app's code")
      .option("--remove <name>", "have this account's ask for none any more"),
  ).action(async ({ remove, ...options }: Options & { readonly remove?: string }) => {
    const client = await open(options);
    if (remove !== undefined) {
      await client.delete(`${accountPath(remove)}/totp`);
      tell(`Logins of ${remove} ask for no code any more.`);
      return;
    }
    const { ceremony, secret, uri } = await client.post("/api/v1/account/totp/begin");
    // To whoever types, not to where the answer goes: it is a secret.
    process.stderr.write(`Give your app this secret:\n  ${String(secret)}\n  ${String(uri)}\n`);
    using questions = openQuestions();
    const code = await questions.ask("The app's code: ");
    await client.post("/api/v1/account/totp", { ceremony, code: code.trim() });
    tell("Logins ask for it from now on.");
  });

  for (const [verb, description] of [
    ["bind", "let an OpenID provider's subject log in to it"],
    ["release", "let that subject log in to it no more"],
  ] as const) {
    withData(command.command(`${verb} <name>`).description(description))
      .requiredOption("--issuer <url>", "the provider")
      .requiredOption("--subject <subject>", "whom it knows the person as")
      .action(async (name: string, { issuer, subject, ...options }: IdentityOptions) => {
        const client = await open(options);
        const path = `${accountPath(name)}/identities`;
        const identity = { issuer, subject };
        if (verb === "bind") await client.post(path, identity);
        else await client.delete(`${path}?${new URLSearchParams(identity)}`);
        tell(verb === "bind" ? `It logs in to ${name}.` : `It logs in to ${name} no more.`);
      });
  }

  withData(
    command.command("sessions [name]").description("where you, or an account, are logged in"),
  ).action(async (name: string | undefined, options: Options) => {
    const path = name === undefined ? "/api/v1/account" : accountPath(name);
    const { items } = await (await open(options)).get(`${path}/sessions`);
    const sessions = items as readonly ShownSession[]; // our own control plane answered
    if (output.json) output.document("SessionList", { items: sessions });
    else {
      output.table(
        ["SESSION", "BY", "FROM", "SINCE", "LAST USED", "UNTIL"].map((title) => ({ title })),
        sessions.map(({ id, method, mfa, address, createdAt, lastUsedAt, expiresAt }) => [
          id,
          mfa && method === "password" ? "password and code" : method,
          address,
          createdAt,
          lastUsedAt,
          expiresAt,
        ]),
      );
    }
  });

  withData(
    command.command("end <name> [session]").description("end one session of it, or all"),
  ).action(async (name: string, session: string | undefined, options: Options) => {
    const one = session === undefined ? "" : `/${encodeURIComponent(session)}`;
    await (await open(options)).delete(`${accountPath(name)}/sessions${one}`);
    tell(session === undefined ? `Every session of ${name} has ended.` : "It has ended.");
  });
}
