import type { ChangeScope, HostAgent } from "@casemate/agent";
import { type DefinitionDescription, describeDomain } from "@casemate/agent";

/** A VM as it runs and as its next start has it; undefined where the scope leaves that out. */
export interface Definitions {
  readonly live: DefinitionDescription | undefined;
  readonly config: DefinitionDescription | undefined;
}

/** The definitions that a change in `scope` is about. Throws `vm/not-running` where what is to run does not. */
export async function readDefinitions(
  { hypervisor: { domains } }: HostAgent,
  uuid: string,
  scope: ChangeScope,
  signal: AbortSignal,
): Promise<Definitions> {
  const read = async (which: "live" | "inactive") =>
    describeDomain(await domains.definition(uuid, which, signal));
  return {
    live: scope === "config" ? undefined : await read("live"),
    config: scope === "live" ? undefined : await read("inactive"),
  };
}
