import type { SecretRule } from "../secret-rule.ts";
import { credentialRules } from "./credential-rules.ts";
import { tokenRules } from "./token-rules.ts";

/** A rule, and what its finds are: tokens are looked for in any file, credentials in texts. */
export interface KindedRule extends SecretRule {
  readonly kind: "token" | "credential";
}

/** Every rule that is found by keywords. */
export const secretRules: readonly KindedRule[] = [
  ...tokenRules.map((rule) => ({ ...rule, kind: "token" }) as const),
  ...credentialRules.map((rule) => ({ ...rule, kind: "credential" }) as const),
];
