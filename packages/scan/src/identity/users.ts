import { MiB } from "@casemate/core";
import type { Collector } from "../collector.ts";
import type { Look } from "../look.ts";
import { identifyPasswordHash } from "./password-hash.ts";

/** What may be said of a password: never its hash. */
export type PasswordState =
  /** A hash that a password fits. */
  | "set"
  /** Nobody logs in with one. */
  | "locked"
  /** Anybody logs in without one. */
  | "empty"
  /** The system has no record of it. */
  | "unknown";

/** An account of the system's own (passwd(5), shadow(5)). HOSTILE: the guest says it. */
export interface UserAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
  /** The person's name, mostly. */
  readonly comment?: string;
  readonly password: PasswordState;
  /** How it is hashed: `yescrypt`, `sha512crypt`, `md5crypt`. */
  readonly hash?: string;
  /** The day, ISO 8601. */
  readonly passwordChanged?: string;
  readonly expires?: string;
}

const MAX_BYTES = 16 * MiB;
const DAY_MS = 86_400_000;
/** The year 9999: what an ISO date with four digits holds. */
const MAX_DAYS = 2_932_896;

/** Accounts, by /etc/passwd and /etc/shadow. */
export const users: Collector<UserAccount> = {
  id: "users/passwd",
  *collect(look) {
    const shadow = new Map<string, readonly string[]>();
    for (const fields of walkColonLines(look, "/etc/shadow")) shadow.set(fields[0] ?? "", fields);
    for (const fields of walkColonLines(look, "/etc/passwd")) {
      const user = parseUser(fields, shadow);
      if (user !== undefined) yield user;
    }
  },
};

/** The fields of each line of a file like /etc/passwd; none where there is no file. */
export function* walkColonLines(look: Look, path: string): Generator<readonly string[]> {
  const text = look.read(path, MAX_BYTES)?.toString("utf8") ?? "";
  for (const line of text.split("\n")) {
    // Of NIS, "compat" mode (nsswitch.conf(5)).
    if (line.trim() === "" || /^[#+-]/.test(line)) continue;
    yield line.split(":");
  }
}

function parseUser(
  fields: readonly string[],
  shadow: ReadonlyMap<string, readonly string[]>,
): UserAccount | undefined {
  const [name = "", password = "", uid = "", gid = "", comment = "", home = "", shell = ""] =
    fields;
  if (name === "" || !/^\d{1,10}$/.test(uid) || !/^\d{1,10}$/.test(gid)) return undefined;
  const [, hidden, changed = "", , , , , expires = ""] = shadow.get(name) ?? [];
  const crypted = password === "x" ? hidden : password;
  const hash = identifyPasswordHash(crypted?.replace(/^!+/, "") ?? "")?.algorithm;
  const passwordChanged = parseDay(changed);
  const expiry = parseDay(expires);
  return {
    ...{ name, uid: Number(uid), gid: Number(gid), home, shell: shell || "/bin/sh" },
    ...(comment === "" ? {} : { comment }),
    password: judgePassword(crypted),
    ...(hash === undefined ? {} : { hash }),
    ...(passwordChanged === undefined ? {} : { passwordChanged }),
    ...(expiry === undefined ? {} : { expires: expiry }),
  };
}

function judgePassword(crypted: string | undefined): PasswordState {
  if (crypted === undefined) return "unknown";
  if (crypted === "") return "empty";
  // Thirteen characters of DES's alphabet, or a prefix: crypt(3) gives nothing else.
  return /^(?:[$_]|[./0-9A-Za-z]{13}$)/.test(crypted) ? "set" : "locked";
}

/** Days since 1970, as shadow(5) counts. */
function parseDay(days: string): string | undefined {
  if (!/^\d{1,7}$/.test(days) || Number(days) > MAX_DAYS) return undefined;
  return new Date(Number(days) * DAY_MS).toISOString().slice(0, 10);
}
