import type { Secret } from "../secrets/secret.ts";
import type { Finding } from "./finding.ts";

/** A secret as one finding among others: by its fingerprint. */
export function findingOfSecret(secret: Secret): Finding {
  const { kind, rule, severity, path } = secret;
  const fingerprint = "fingerprint" in secret ? secret.fingerprint : undefined;
  // A history's `lines` are how many it has.
  const line = "line" in secret ? secret.line : undefined;
  return {
    kind: "secret",
    rule: { id: `secret/${rule}`, title: titles[kind] },
    severity,
    message: `${titles[kind]} (${describe(secret)}) lies in ${path}.`,
    path,
    ...(line === undefined ? {} : { line }),
    identity: fingerprint === undefined ? [] : [fingerprint],
    ...(fingerprint === undefined ? {} : { details: { fingerprint } }),
  };
}

const titles: Readonly<Record<Secret["kind"], string>> = {
  "private-key": "A private key",
  token: "A token",
  credential: "A credential",
  "password-hash": "The password of an account",
  "shell-history": "What was typed at a prompt",
};

function describe(secret: Secret): string {
  switch (secret.kind) {
    case "private-key":
      return `${secret.format}, ${protections[secret.protection]}`;
    case "password-hash":
      return `${secret.user}, ${secret.algorithm}`;
    case "shell-history":
      return `${secret.lines} lines`;
    case "token":
    case "credential":
      return secret.rule;
  }
}

const protections = {
  none: "without a passphrase",
  passphrase: "with a passphrase",
  unreadable: "which cannot be read",
} as const;
