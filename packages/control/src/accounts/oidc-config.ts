import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";
import { roles } from "@casemate/policy";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { storageError } from "../store/storage-error.ts";

/** The OpenID provider that people may log in with. */
export const OidcConfig = Type.Object(
  {
    issuer: Type.String({ pattern: "^https?://" }),
    clientId: Type.String({ minLength: 1 }),
    /** Left out for a public client; PKCE is used in any case. */
    clientSecret: Type.Optional(Type.String({ minLength: 1 })),
    scopes: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
    /** Whether `amr` (RFC 8176) says when a second factor was used. */
    trustAmr: Type.Optional(Type.Boolean()),
    /** Left out, the provider has no say in roles. */
    roles: Type.Optional(
      Type.Object(
        {
          /** The claim of the ID token with a list of groups. */
          claim: Type.String({ minLength: 1 }),
          /** What each group is here. */
          map: Type.Record(Type.String(), Type.Array(Type.Enum([...roles]))),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type OidcConfig = Static<typeof OidcConfig>;

/** What `oidc.json` in `directory` says; `undefined` where there is none. Throws `config/invalid`, `data/not-writable`. */
export async function readOidcConfig(directory: string): Promise<OidcConfig | undefined> {
  const path = join(directory, "oidc.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw storageError(thrown, path);
  }
  return parseOidcConfig(text, path);
}

/** Throws `config/invalid`; what the file says is not in the error, because a secret is in the file. */
export function parseOidcConfig(text: string, path: string): OidcConfig {
  const refuse = (seen: string, needed: string) =>
    new CasemateError("config/invalid", `Cannot use ${path}: ${seen}, expected ${needed}.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("it is no JSON", "a JSON object");
  }
  if (!Value.Check(OidcConfig, value)) {
    const [first] = Value.Errors(OidcConfig, value);
    const place = first === undefined || first.instancePath === "" ? "it" : first.instancePath;
    throw refuse(`${place} ${first?.message ?? "does not fit"}`, "what the manual names");
  }
  const { protocol, hostname } = new URL(value.issuer);
  if (protocol === "http:" && !isLoopback(hostname)) {
    throw refuse("its issuer has no TLS", "an https: URL, or one of this machine");
  }
  return Object.freeze(value);
}

/** RFC 8252, 8.3: what stays on this machine needs no TLS. */
export function isLoopback(hostname: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(hostname);
}
