import type { Section } from "../section.ts";
import { makeFingerprint } from "./fingerprint.ts";
import { passwordHashes } from "./password-hashes.ts";
import type { Secret } from "./secret.ts";
import { omittedOfSecretFiles, secretFiles } from "./secret-files.ts";
import { shellHistories } from "./shell-histories.ts";

/** Secrets that lie on a disk; `salt` is what an installation keeps to know one again. */
export function secretsSection(salt?: Uint8Array): Section<Secret> {
  const fingerprint = makeFingerprint(salt);
  return {
    title: "secrets",
    key: (row) => `${row.rule} ${row.path} ${"user" in row ? row.user : fingerprintOf(row)}`,
    columns: [
      { title: "SEVERITY", text: ({ severity }) => severity },
      { title: "RULE", text: ({ rule }) => rule },
      { title: "FINGERPRINT", text: fingerprintOf },
      { title: "WHAT", text: describe },
      { title: "PATH", text: (row) => ("line" in row ? `${row.path}:${row.line}` : row.path) },
    ],
    omitted: omittedOfSecretFiles,
    collectors: [passwordHashes(fingerprint)],
    visitors: [secretFiles(fingerprint), shellHistories],
  };
}

const fingerprintOf = (row: Secret): string => ("fingerprint" in row && row.fingerprint) || "-";

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
