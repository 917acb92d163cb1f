import { CasemateError } from "@casemate/core";
import type { Permission } from "../accounts/permission.ts";
import type { Principal, Tokens } from "../accounts/tokens.ts";

/** Who calls a public route. */
const anybody: Principal = { label: "anybody", permissions: new Set() };

/**
 * Who the `Authorization` header says is calling, if they have `permission`.
 *
 * Throws `auth/required` without a valid token, `auth/denied` when it does not allow this.
 */
export async function authorize(
  header: string | undefined,
  permission: Permission | "public",
  tokens: Tokens,
): Promise<Principal> {
  if (permission === "public") return anybody;
  const token = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(header ?? "")?.[1];
  const principal = token === undefined ? undefined : await tokens.read(token);
  if (principal === undefined) {
    throw new CasemateError(
      "auth/required",
      `Cannot answer this request: ${token === undefined ? "it carries no token" : "its token is not known or has expired"}, expected one that allows ${permission}.`,
    );
  }
  if (!principal.permissions.has(permission)) {
    throw new CasemateError(
      "auth/denied",
      `Cannot answer this request: the token "${principal.label}" does not allow ${permission}.`,
    );
  }
  return principal;
}
