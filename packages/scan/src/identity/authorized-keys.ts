import { KiB, MiB } from "@casemate/core";
import type { Collector } from "../collector.ts";
import type { Look } from "../look.ts";
import { parseSshPublicKey, type SshPublicKey } from "./ssh-public-key.ts";
import { walkColonLines } from "./users.ts";

/** A key that opens an account over SSH (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). */
export interface AuthorizedKey extends SshPublicKey {
  readonly user: string;
  /** Mostly who it belongs to. HOSTILE: whoever added it says so. */
  readonly comment?: string;
  /** What it may do only, or besides: `command="…"`, `cert-authority`. */
  readonly options?: string;
  readonly path: string;
  /** From 1 on. */
  readonly line: number;
}

const CONFIGURATION = "/etc/ssh/sshd_config";
const MAX_CONFIGURATION_BYTES = 256 * KiB;
const MAX_KEYS_BYTES = 4 * MiB;
/** sshd_config(5), AuthorizedKeysFile. */
const DEFAULT_FILES = [".ssh/authorized_keys", ".ssh/authorized_keys2"] as const;
/** HOSTILE: nobody configures more. */
const MAX_PATTERNS = 64;

/** The type of a key, and the key. */
const KEY =
  /(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+)\s+([A-Za-z0-9+/]{16,}={0,2})(?:\s+(.*))?$/;

/** Keys that open accounts, in the files that sshd looks into. */
export const authorizedKeys: Collector<AuthorizedKey> = {
  id: "authorizedKeys/openssh",
  *collect(look) {
    const patterns = readPatterns(look);
    const seen = new Set<string>();
    for (const [user = "", , uid = "", , , home = ""] of walkColonLines(look, "/etc/passwd")) {
      for (const pattern of patterns) {
        const path = expand(pattern, { user, uid, home });
        // Accounts may share a home, or a file for all of them.
        if (user === "" || seen.has(`${user}\0${path}`)) continue;
        seen.add(`${user}\0${path}`);
        yield* readKeys(look, user, path);
      }
    }
  },
};

function* readKeys(look: Look, user: string, path: string): Generator<AuthorizedKey> {
  const text = look.read(path, MAX_KEYS_BYTES)?.toString("utf8") ?? "";
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trimStart().startsWith("#")) continue;
    const [found, , base64 = "", comment = ""] = KEY.exec(line.trim()) ?? [];
    const key = parseSshPublicKey(Buffer.from(base64, "base64"));
    if (found === undefined || key === undefined) continue;
    const options = line.trim().slice(0, -found.length).trim();
    yield {
      user,
      ...key,
      ...(comment === "" ? {} : { comment: comment.trim() }),
      ...(options === "" ? {} : { options }),
      path,
      line: i + 1,
    };
  }
}

/** What sshd's configuration says of where keys are, all of it: which user a `Match` is about is not asked. */
function readPatterns(look: Look): readonly string[] {
  const found = new Set<string>();
  for (const path of [CONFIGURATION, ...listIncluded(look)]) {
    const text = look.read(path, MAX_CONFIGURATION_BYTES)?.toString("utf8") ?? "";
    for (const [, value = ""] of text.matchAll(/^[ \t]*AuthorizedKeysFile[ \t=]+(.+)$/gim)) {
      for (const pattern of value.trim().split(/\s+/)) {
        if (pattern !== "none" && found.size < MAX_PATTERNS) found.add(pattern.replaceAll('"', ""));
      }
    }
  }
  // Where it names others these are read too: they open accounts again once it changes.
  return [...new Set([...found, ...DEFAULT_FILES])];
}

function listIncluded(look: Look): readonly string[] {
  const directory = `${CONFIGURATION}.d`;
  const names = [...look.list(directory)].map(({ name }) => name);
  return names.filter((name) => name.endsWith(".conf")).map((name) => `${directory}/${name}`);
}

/** sshd_config(5), "TOKENS". */
function expand(
  pattern: string,
  { user, uid, home }: { readonly user: string; readonly uid: string; readonly home: string },
): string {
  const values: Readonly<Record<string, string>> = { h: home, u: user, U: uid, "%": "%" };
  const path = pattern.replaceAll(/%([huU%])/g, (_, token: string) => values[token] ?? "");
  return path.startsWith("/") ? path : `${home}/${path}`;
}
