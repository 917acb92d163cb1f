import type { ChangeScope, DomainDescription } from "@casemate/agent";
import { Type } from "typebox";
import { refused } from "./refused.ts";

/** Where a change goes, as people say it. */
export const scopeParameter = Type.Optional(
  Type.Union([Type.Literal("live"), Type.Literal("config"), Type.Literal("both")], {
    description:
      "Into what runs now, what the next start uses, or both; unless given, wherever it can go.",
  }),
);

/** Where the change goes. Throws `operation/refused` where the VM does not run, or has no definition. */
export function chooseScope(
  doing: string,
  { name, state, runId, persistent }: DomainDescription,
  asked: ChangeScope | undefined,
): ChangeScope {
  const runs = runId !== undefined;
  const scope = asked ?? (runs && persistent ? "both" : runs ? "live" : "config");
  if (scope !== "config" && !runs) throw refused(doing, `${name} is ${state}`, "it to run");
  if (scope !== "live" && !persistent) {
    throw refused(doing, `${name} has no definition that outlives its run`, "one");
  }
  return scope;
}

/** The scope in a sentence. */
export function scopeWords(scope: ChangeScope): string {
  switch (scope) {
    case "live":
      return "in the running VM alone: the next start has it as before";
    case "config":
      return "in the definition: from the next start on";
    case "both":
      return "in the running VM and in its definition";
  }
}
