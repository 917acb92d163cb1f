import { walkGroups } from "@casemate/policy";

/** A scope as text: an action (`vm.start`), the actions below a name (`vm.inspect`), or the policy's group of them (`read`). */
export const scopePattern = "^[a-z][A-Za-z0-9]*(\\.[a-z][A-Za-z0-9]*)*$";

/** Whether a credential limited to `scopes` may be used for `action`. */
export function isInScope(action: string, scopes: readonly string[] | "all"): boolean {
  if (scopes === "all") return true;
  const names = walkGroups(action);
  return scopes.some((scope) => names.includes(scope) || action.startsWith(`${scope}.`));
}
