import { once } from "node:events";
import { createServer } from "node:http";
import type { ClientFile } from "@casemate/control";
import { CasemateError, toCasemateError } from "@casemate/core";
import type { Command } from "commander";
import { openQuestions, type Questions } from "../client/ask.ts";
import { type ControlClient, controlClient } from "../client/control-client.ts";
import { readCertificate } from "../client/read-certificate.ts";
import { readClientFile } from "../client/read-client-file.ts";
import { readSessionFile, writeSessionFile } from "../client/session-file.ts";
import type { Context } from "../context.ts";

interface LoginOptions {
  readonly server?: string;
  readonly fingerprint?: string;
  readonly data?: string;
  readonly name?: string;
  readonly oidc?: boolean;
}

export function configureLogin(command: Command, context: Context): void {
  command
    .option("--name <name>", "the account")
    .option("--server <url>", "the control plane (default: the one that runs on this machine)")
    .option("--fingerprint <sha256>", "its certificate's, as `casemate up` prints it")
    .option("--data <dir>", "the data directory of the control plane on this machine")
    .option("--oidc", "log in at the OpenID provider, in a browser")
    .action(async (options: LoginOptions) => {
      using questions = openQuestions();
      const place = await findPlace(options, questions, context);
      const client = controlClient({ ...place, token: "none" });
      const session =
        options.oidc === true
          ? await loginElsewhere(client)
          : await loginHere(client, options.name, questions);
      const { token, account, expiresAt, passwordMustChange } = session;
      await writeSessionFile(context.environment.sessionFile, { ...place, token: String(token) });
      context.output.text(`Logged in as ${String(account)} until ${String(expiresAt)}.\n`);
      if (passwordMustChange === true) {
        await changePassword(controlClient({ ...place, token: String(token) }), questions);
        context.output.text("The password is changed.\n");
      }
    });
}

type Place = Omit<ClientFile, "token">;
type Session = Readonly<Record<string, unknown>>;

/** Where to log in, and the certificate that is trusted there from now on. */
async function findPlace(
  { server, fingerprint, data }: LoginOptions,
  questions: Questions,
  { environment }: Context,
): Promise<Place> {
  if (server === undefined) {
    const { url, certificate } = await readClientFile(data ?? environment.dataDirectory);
    return { url, certificate };
  }
  const url = URL.parse(server);
  if (url?.protocol !== "https:") {
    throw new CasemateError(
      "usage",
      `Cannot log in at ${JSON.stringify(server)}: expected a URL as https://127.0.0.1:7443.`,
    );
  }
  const shown = await readCertificate(url);
  const known = await readSessionFile(environment.sessionFile).catch(() => undefined); // written anew
  if (fingerprint === undefined && known?.url === url.origin) {
    if (known.certificate === shown.certificate)
      return { url: url.origin, certificate: shown.certificate };
  } else if (fingerprint === undefined) {
    const question = `The certificate of ${url.origin} has the SHA-256\n  ${shown.fingerprint}\nIs that what \`casemate up\` printed? [y/N] `;
    if (/^y(es)?$/i.test(await questions.ask(question))) {
      return { url: url.origin, certificate: shown.certificate };
    }
  } else if (fingerprint.toUpperCase() === shown.fingerprint) {
    return { url: url.origin, certificate: shown.certificate };
  }
  throw new CasemateError(
    "auth/untrusted-server",
    `Cannot log in at ${url.origin}: its certificate is ${shown.fingerprint}, expected ${fingerprint ?? "one that is trusted"}.`,
  );
}

async function loginHere(
  client: ControlClient,
  given: string | undefined,
  questions: Questions,
): Promise<Session> {
  const name = given ?? (await questions.ask("Account: "));
  const password = await questions.askSecret("Password: ");
  try {
    return await client.post("/api/v1/login", { name, password });
  } catch (thrown) {
    if (toCasemateError(thrown).code !== "auth/code-needed") throw thrown;
    const code = (await questions.ask("Authenticator app's code: ")).trim();
    return await client.post("/api/v1/login", { name, password, code });
  }
}

/** By the provider's page in a browser, which comes back to a port of this machine (RFC 8252). */
async function loginElsewhere(client: ControlClient): Promise<Session> {
  await using server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const redirectUri = `http://127.0.0.1:${port}/callback`;
  const { ceremony, url } = await client.post("/api/v1/login/oidc/begin", { redirectUri });
  process.stderr.write(`Log in here:\n  ${String(url)}\n`);
  for (;;) {
    const [request, response] = await once(server, "request");
    const callback = new URL(String(request.url), redirectUri);
    const ours = callback.pathname === "/callback";
    response.writeHead(ours ? 200 : 404, { "content-type": "text/plain", connection: "close" });
    response.end(ours ? "You can close this page and go back to the terminal.\n" : "\n");
    if (!ours) continue;
    return await client.post("/api/v1/login/oidc", { ceremony, callback: callback.href });
  }
}

async function changePassword(client: ControlClient, questions: Questions): Promise<void> {
  process.stderr.write("The password was chosen by somebody else: choose another.\n");
  const current = await questions.askSecret("Present password: ");
  const password = await questions.askSecret("New password: ");
  await client.post("/api/v1/account/password", { current, password });
}
