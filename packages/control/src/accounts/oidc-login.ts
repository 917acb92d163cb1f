import { CasemateError } from "@casemate/core";
import { roles as everyRole, isRole, type Role } from "@casemate/policy";
import type { Configuration, IDToken } from "openid-client";
import { parseRoles, readAccountRow } from "./account.ts";
import { type AccountContext, changes } from "./account-context.ts";
import type { AddressRate } from "./address-rate.ts";
import { forgetFailures, verifyNotLocked } from "./failures.ts";
import { isLoopback, type OidcConfig } from "./oidc-config.ts";
import { pending } from "./pending.ts";
import type { NewSession, Sessions } from "./sessions.ts";
import { verifyStanding } from "./standing.ts";
import { writeRoles } from "./write-roles.ts";

/** Where to send a person, and the name to end the login by. */
export interface OidcCeremony {
  readonly ceremony: string;
  readonly url: string;
}

/** Login by an OpenID provider: authorization code with PKCE (RFC 9700, 2.1.1), over a loopback redirect (RFC 8252, 7.3). */
export interface OidcLogin {
  /** Throws `auth/no-provider`, `auth/provider-failed`, `auth/too-many`, `usage` for a redirect to elsewhere. */
  begin(redirectUri: string, address: string): Promise<OidcCeremony>;
  /** HOSTILE: `callback` is the URL a browser was sent to. Throws `auth/*`, `account/disabled`. */
  finish(attempt: {
    readonly ceremony: string;
    readonly callback: string;
    readonly address: string;
  }): Promise<NewSession>;
}

interface Begun {
  readonly redirectUri: string;
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
}

const ceremonies = { lifetimeMs: 10 * 60_000, most: 1_000 };

export function oidcLogin(
  context: AccountContext,
  sessions: Sessions,
  rate: AddressRate,
  config: OidcConfig | undefined,
): OidcLogin {
  const begun = pending<Begun>(context.now, ceremonies);
  let discovered: Promise<Configuration> | undefined;

  const discover = async (): Promise<Configuration> => {
    if (config === undefined) throw noProvider();
    discovered ??= discoverProvider(config);
    try {
      return await discovered;
    } catch (thrown) {
      discovered = undefined; // asked again the next time
      throw providerFailed(config, thrown);
    }
  };

  return {
    async begin(redirectUri, address) {
      rate.verify(address);
      verifyRedirect(redirectUri);
      const provider = await discover();
      const client = await import("openid-client");
      const verifier = client.randomPKCECodeVerifier();
      const state = client.randomState();
      const nonce = client.randomNonce();
      const url = client.buildAuthorizationUrl(provider, {
        redirect_uri: redirectUri,
        scope: ["openid", ...(config?.scopes ?? [])].join(" "),
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
        state,
        nonce,
      });
      return { ceremony: begun.put({ redirectUri, verifier, state, nonce }), url: url.href };
    },

    async finish({ ceremony, callback, address }) {
      rate.verify(address);
      const started = begun.take(ceremony);
      if (started === undefined || config === undefined) {
        throw new CasemateError(
          "auth/ceremony",
          "Cannot log in by the OpenID provider: this login was not begun here, or too long ago.",
        );
      }
      const provider = await discover();
      const claims = await exchange(provider, config, started, callback);
      const row = await findBound(context, claims);
      const { name } = row;
      return await context.queue(`login ${name}`, async () => {
        await verifyNotLocked(context, name);
        await verifyStanding(context, row);
        if (config.roles !== undefined) await takeRoles(context, name, claims, config.roles);
        const mfa = config.trustAmr === true && usedSecondFactor(claims);
        const session = await sessions.begin({ row, method: "oidc", mfa, address });
        await forgetFailures(context, name);
        return session;
      });
    },
  };
}

async function discoverProvider(config: OidcConfig): Promise<Configuration> {
  const client = await import("openid-client");
  const issuer = new URL(config.issuer);
  const authentication =
    config.clientSecret === undefined
      ? client.None()
      : client.ClientSecretBasic(config.clientSecret);
  const plain = issuer.protocol === "http:" && isLoopback(issuer.hostname);
  return await client.discovery(issuer, config.clientId, undefined, authentication, {
    timeout: 10,
    ...(plain ? { execute: [client.allowInsecureRequests] } : {}),
  });
}

/** The claims of the ID token that the code is good for, its signature, nonce and times checked. */
async function exchange(
  provider: Configuration,
  config: OidcConfig,
  { redirectUri, verifier, state, nonce }: Begun,
  callback: string,
): Promise<IDToken> {
  const client = await import("openid-client");
  const { search } = new URL(callback, redirectUri);
  try {
    const tokens = await client.authorizationCodeGrant(provider, new URL(search, redirectUri), {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims !== undefined) return claims;
  } catch (cause) {
    if (cause instanceof client.AuthorizationResponseError) {
      throw new CasemateError(
        "auth/failed",
        `Cannot log in by ${config.issuer}: it says ${JSON.stringify(cause.error)}.`,
        { cause },
      );
    }
    throw providerFailed(config, cause);
  }
  throw providerFailed(config, undefined);
}

/** The account that an owner bound to this subject. */
async function findBound(context: AccountContext, { iss, sub }: IDToken) {
  const bound = await context.db
    .selectFrom("identities")
    .select("account")
    .where("issuer", "=", iss)
    .where("subject", "=", sub)
    .executeTakeFirst();
  if (bound !== undefined) return await readAccountRow(context.db, bound.account);
  throw new CasemateError(
    "auth/failed",
    `Cannot log in by ${iss}: its subject ${JSON.stringify(sub)} is no account's here.`,
    { next: "Ask an owner to bind it with `casemate account bind NAME --subject SUBJECT`." },
  );
}

/** Gives the account the roles that the provider's groups are mapped to, no others. */
async function takeRoles(
  context: AccountContext,
  name: string,
  claims: IDToken,
  { claim, map }: NonNullable<OidcConfig["roles"]>,
): Promise<void> {
  const { db, queue } = context;
  const groups = claims[claim];
  const given = new Set<Role>(
    (Array.isArray(groups) ? groups : [groups])
      .filter((group) => typeof group === "string" && Object.hasOwn(map, group))
      .flatMap((group) => map[String(group)] ?? [])
      .filter(isRole),
  );
  const roles = everyRole.filter((role) => given.has(role));
  await queue(changes, async () => {
    const before = parseRoles((await readAccountRow(db, name)).roles);
    if (before.length === roles.length && before.every((role) => given.has(role))) return;
    await writeRoles(context, name, roles, `oidc:${claims.iss}`);
  });
}

/** RFC 8176, 2: methods that are, or come with, a second factor. */
function usedSecondFactor({ amr }: IDToken): boolean {
  return Array.isArray(amr) && amr.some((method) => method === "mfa" || method === "hwk");
}

function verifyRedirect(redirectUri: string): void {
  const url = URL.parse(redirectUri);
  if (url?.protocol === "http:" && isLoopback(url.hostname) && url.search === "" && url.hash === "")
    return;
  throw new CasemateError(
    "usage",
    "Cannot begin a login by the OpenID provider: the redirect leads elsewhere, expected http: to this machine.",
  );
}

function noProvider(): CasemateError {
  return new CasemateError(
    "auth/no-provider",
    "Cannot log in by an OpenID provider: none is configured here.",
  );
}

function providerFailed({ issuer }: OidcConfig, cause: unknown): CasemateError {
  const seen = cause instanceof Error ? cause.message : "it sent no ID token";
  return new CasemateError(
    "auth/provider-failed",
    `Cannot log in by ${issuer}: ${seen}, expected a provider that answers as OpenID Connect says.`,
    { cause },
  );
}
