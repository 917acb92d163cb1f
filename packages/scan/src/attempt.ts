import { CasemateError } from "@casemate/core";
import type { Look } from "./look.ts";

/**
 * What `work` brings; `undefined` where `what` cannot be looked at, which is missed. That there is no such file
 * is missed too, unless it is no wonder.
 */
export function attempt<Value>(
  look: Pick<Look, "miss">,
  what: string,
  work: () => Value,
  { mayBeAbsent = false }: { readonly mayBeAbsent?: boolean } = {},
): Value | undefined {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof CasemateError)) throw thrown;
    if (!mayBeAbsent || thrown.code !== "disk/not-found") look.miss(what, thrown);
    return undefined;
  }
}
