/**
 * An OpenID provider as a process of its own: `oidc-provider` on a free port of this machine. It prints its
 * issuer. Whom it takes its visitor for stands in the header `x-subject`, as NAME/GROUP/…; a NAME with +mfa
 * has given a second factor.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import Provider from "oidc-provider";

const server = createServer();
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = server.address();
if (address === null || typeof address === "string") throw new Error("it listens on no port");
const issuer = `http://127.0.0.1:${address.port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "casemate",
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code"],
      response_types: ["code"],
      redirect_uris: ["http://127.0.0.1/callback"],
    },
  ],
  claims: { openid: ["sub"], groups: ["groups", "amr"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_context, sub) => ({
    accountId: sub,
    claims: () => ({ sub, groups: sub.split("/").slice(1) }),
  }),
});

/** Whoever comes is logged in as they say, and agrees to everything. */
async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const details = await provider.interactionDetails(request, response);
  if (details.prompt.name === "login") {
    const accountId = String(request.headers["x-subject"]);
    const amr = accountId.includes("+mfa") ? ["pwd", "mfa"] : ["pwd"];
    await provider.interactionFinished(request, response, { login: { accountId, amr } });
    return;
  }
  const grant = new provider.Grant({
    accountId: details.session?.accountId ?? "",
    clientId: String(details.params["client_id"]),
  });
  grant.addOIDCScope("openid groups");
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(request, response, { consent });
}

const handle = provider.callback();
server.on("request", (request, response) => {
  if (!request.url?.startsWith("/interaction/")) return void handle(request, response);
  interact(request, response).catch((thrown: unknown) => {
    response.writeHead(500).end(String(thrown));
  });
});
process.stdout.write(`${issuer}\n`);
