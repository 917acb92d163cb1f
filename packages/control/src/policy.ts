import { loadPolicies, PolicyEngine } from "@casemate/policy";
import type { FactLog } from "./facts/fact-log.ts";

/** The policies that decide, from a directory. */
export interface Policy {
  readonly directory: string;
  readonly engine: PolicyEngine;
  /**
   * Reads the directory again. Throws `policy/*` where anything in it is not right: then nothing changes.
   */
  reload(): Promise<void>;
}

/** Throws `policy/*` where the directory has no policies to decide by. */
export async function openPolicy(directory: string, facts: FactLog): Promise<Policy> {
  const engine = new PolicyEngine(await loadPolicies(directory));
  const record = (version: string) =>
    facts.record({ kind: "policy/loaded", actor: "system", subject: "policy", body: { version } });
  await record(engine.version);
  return {
    directory,
    engine,
    async reload() {
      const loaded = await loadPolicies(directory);
      await record(loaded.version);
      engine.replace(loaded);
    },
  };
}
