import { readFile, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { CasemateError } from "@casemate/core";
import { severities } from "@casemate/inspect";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { isLoopback } from "../../accounts/oidc-config.ts";
import { storageError } from "../../store/storage-error.ts";

const closed = { additionalProperties: false } as const;
const name = Type.String({ pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength: 64 });
/** Findings that are less bad are not told; all are where it is left out. */
const least = Type.Optional(Type.Enum([...severities]));

/** Where findings are told. */
const OutwardConfig = Type.Object(
  {
    webhooks: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name,
            url: Type.String({ pattern: "^https?://" }),
            /** A file of this user's alone with the secret that messages are signed with. */
            secretFile: Type.String({ minLength: 1 }),
            least,
          },
          closed,
        ),
      ),
    ),
    syslog: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name,
            /** `udp://HOST:514`, `tcp://HOST:601`, `tls://HOST:6514`, `unix:/PATH` of a stream socket. */
            address: Type.String({ pattern: "^(udp://.+|tcp://.+|tls://.+|unix:/.+)$" }),
            /** A file with the certificates that a TLS server is trusted by; the system's where it is left out. */
            caFile: Type.Optional(Type.String({ minLength: 1 })),
            least,
          },
          closed,
        ),
      ),
    ),
  },
  closed,
);
type OutwardConfig = Static<typeof OutwardConfig>;

/** The shortest secret that is taken, in bytes: as long as what it keys (RFC 2104, 3). */
const SHORTEST = 16;

/** What `notify.json` in `directory` says; nothing where there is none. Throws `config/invalid`, `data/not-writable`. */
export async function readOutwardConfig(directory: string): Promise<OutwardConfig> {
  const path = join(directory, "notify.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return {};
    throw storageError(thrown, path);
  }
  const config = parseOutwardConfig(text, path);
  const named = [...(config.webhooks ?? []), ...(config.syslog ?? [])].map((each) => each.name);
  const twice = named.find((each, index) => named.indexOf(each) !== index);
  if (twice !== undefined) throw refused(path, `two are named ${twice}`, "a name of its own");
  return config;
}

/** Throws `config/invalid`. */
function parseOutwardConfig(text: string, path: string): OutwardConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused(path, "it is no JSON", "a JSON object");
  }
  if (!Value.Check(OutwardConfig, value)) {
    const [first] = Value.Errors(OutwardConfig, value);
    const place = first === undefined || first.instancePath === "" ? "it" : first.instancePath;
    throw refused(path, `${place} ${first?.message ?? "does not fit"}`, "what the manual names");
  }
  for (const { url } of value.webhooks ?? []) {
    const { protocol, hostname } = new URL(url);
    if (protocol === "http:" && !isLoopback(hostname)) {
      throw refused(path, `${url} has no TLS`, "an https: URL, or one of this machine");
    }
  }
  return value;
}

/**
 * The secret in a file that nobody else can read; relative paths are in the data directory.
 *
 * Throws `config/invalid`; the secret is not in the error.
 */
export async function readSecret(directory: string, file: string): Promise<Uint8Array> {
  const path = isAbsolute(file) ? file : join(directory, file);
  let mode: number;
  let text: string;
  try {
    ({ mode } = await stat(path));
    text = (await readFile(path, "utf8")).trim();
  } catch (thrown) {
    throw storageError(thrown, path);
  }
  if ((mode & 0o077) !== 0) {
    const seen = (mode & 0o777).toString(8);
    throw refused(path, `its mode is ${seen}`, "600: nobody else may read a secret");
  }
  // The form that the makers of webhooks hand secrets out in (standardwebhooks.com).
  const secret = text.startsWith("whsec_")
    ? Buffer.from(text.slice(6), "base64")
    : Buffer.from(text);
  if (secret.length >= SHORTEST) return secret;
  throw refused(path, `it holds ${secret.length} bytes`, `a secret of at least ${SHORTEST}`);
}

function refused(path: string, seen: string, needed: string): CasemateError {
  return new CasemateError("config/invalid", `Cannot use ${path}: ${seen}, expected ${needed}.`);
}
