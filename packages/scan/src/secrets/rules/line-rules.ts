import type { LineRule } from "../secret-rule.ts";

/** Files that are secrets line by line, without a word before them. */
export const lineRules: readonly LineRule[] = [
  {
    id: "pgpass-password",
    description: 'password of .pgpass (PostgreSQL, "The Password File")',
    severity: "high",
    files: /\/\.pgpass$/,
    pattern: /^(?!#)[^:]{1,256}:[^:]{1,16}:[^:]{1,256}:[^:]{1,256}:(?<secret>.{1,256})$/,
  },
  {
    id: "htpasswd-hash",
    description: "hash of a password for HTTP",
    severity: "medium",
    files: /\/[\w.-]{0,64}htpasswd$/,
    pattern: /^(?!#)[^:\s]{1,64}:(?<secret>(?:\$(?:apr1|2[abxy]|5|6|y)\$|\{SHA\})\S{8,256})$/,
  },
  {
    id: "ppp-secret",
    description: 'secret of PPP (pppd(8), "AUTHENTICATION")',
    severity: "high",
    files: /^\/etc\/(?:ppp\/(?:chap|pap)-secrets|ipsec\.secrets)$/,
    pattern:
      /^(?!\s{0,8}#)\s{0,8}\S{1,128}\s{1,16}\S{1,128}\s{1,16}["']?(?<secret>[^\s"'#]{3,128})/,
  },
  {
    id: "vault-token-file",
    description: "token that the vault command keeps",
    severity: "critical",
    files: /\/\.vault-token$/,
    pattern: /^(?<secret>[\w.-]{16,256})$/,
  },
];
