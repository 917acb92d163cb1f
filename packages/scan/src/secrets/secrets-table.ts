import type { Section } from "../section.ts";
import type { Secret } from "./secret.ts";

/** Secrets that lie on a disk, without what finds them. */
export const secretsTable: Section<Secret> = {
  title: "secrets",
  key: (row) => `${row.rule} ${row.path} ${"user" in row ? row.user : fingerprintOf(row)}`,
  columns: [
    { title: "SEVERITY", text: ({ severity }) => severity },
    { title: "RULE", text: ({ rule }) => rule },
    { title: "FINGERPRINT", text: fingerprintOf },
    { title: "WHAT", text: describe },
    { title: "PATH", text: (row) => ("line" in row ? `${row.path}:${row.line}` : row.path) },
  ],
  // What `secretFiles` passes by.
  omitted: [
    "documents, manuals, fonts and translations in /usr/share",
    "tests and examples of packages, also of Python's, Node's, Ruby's and Go's",
    "kernel modules and firmware",
    "what dpkg, apt and rpm list",
    "settings of packages, and their programs and libraries where they are not text",
    "what is in compressed files and archives",
    "settings that are commented out",
  ],
};

function fingerprintOf(row: Secret): string {
  return ("fingerprint" in row && row.fingerprint) || "-";
}

function describe(row: Secret): string {
  switch (row.kind) {
    case "private-key": {
      const { protection, publicKey, format } = row;
      const state = { none: "no passphrase", passphrase: "passphrase", unreadable: "not readable" };
      return `${publicKey?.fingerprint ?? format}, ${state[protection]}`;
    }
    case "password-hash":
      return `${row.user}, ${row.algorithm}`;
    case "shell-history":
      return `${row.lines} lines`;
    case "token":
    case "credential":
      return row.count === 1 ? "-" : `${row.count} times`;
  }
}
