import { homedir } from "node:os";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";

/** What the process's environment says, read once. */
export interface Environment {
  /** Where Casemate keeps everything unless --data says otherwise. */
  readonly dataDirectory: string;
  /** Where Casemate keeps what it can make again. */
  readonly cacheDirectory: string;
  /** The session this user logged in to. */
  readonly sessionFile: string;
  /** The key this user approves with. */
  readonly approvalKeyFile: string;
  /** Whether errors show what caused them. */
  readonly debug: boolean;
  /** Whether colour is unwanted (no-color.org). */
  readonly noColour: boolean;
  /** The terminal's kind; `dumb` ones get neither colour nor moving lines. */
  readonly terminal: string;
}

const known = ["CASEMATE_DATA", "CASEMATE_DEBUG"];

/** The environment as typed values. Throws `usage` for a CASEMATE_* variable that means nothing. */
export function parseEnvironment(variables: NodeJS.ProcessEnv, uid: number): Environment {
  for (const name of Object.keys(variables)) {
    if (name.startsWith("CASEMATE_") && !known.includes(name)) {
      throw new CasemateError(
        "usage",
        `Cannot use the environment variable ${name}: expected ${known.join(" or ")}.`,
        { next: `Unset it: \`unset ${name}\`.` },
      );
    }
  }
  // The XDG Base Directory Specification: a relative path is to be ignored.
  const ofUser = (variable: string, inHome: string) => {
    const named = variables[variable];
    return join(named?.startsWith("/") ? named : join(homedir(), inHome), "casemate");
  };
  const home = (variable: string, inHome: string, ofRoot: string) =>
    uid === 0 ? join(ofRoot, "casemate") : ofUser(variable, inHome);
  return Object.freeze({
    dataDirectory: variables["CASEMATE_DATA"] || home("XDG_DATA_HOME", ".local/share", "/var/lib"),
    cacheDirectory: home("XDG_CACHE_HOME", ".cache", "/var/cache"),
    sessionFile: join(ofUser("XDG_CONFIG_HOME", ".config"), "session.json"),
    approvalKeyFile: join(ofUser("XDG_CONFIG_HOME", ".config"), "approval-key.pem"),
    debug: isSet(variables["CASEMATE_DEBUG"]),
    noColour: isSet(variables["NO_COLOR"]),
    terminal: variables["TERM"] ?? "dumb",
  });
}

/** Set and not empty or `0`. */
function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0";
}
