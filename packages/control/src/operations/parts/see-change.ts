import type { ChangeScope, DefinitionDescription, HostAgent } from "@casemate/agent";
import { toCasemateError } from "@casemate/core";
import type { Seen } from "../../spine/operation.ts";
import { type Definitions, readDefinitions } from "./read-definitions.ts";

/** Whether a change is in all definitions it was for, in none, or in some. */
export async function seeChange(
  host: HostAgent,
  {
    uuid,
    scope,
    what,
  }: { readonly uuid: string; readonly scope: ChangeScope; readonly what: string },
  isIn: (definition: DefinitionDescription) => boolean,
  signal: AbortSignal,
): Promise<Seen> {
  const read = await readOrStopped(host, uuid, scope, signal);
  if (read === "stopped") {
    return {
      kind: "unknown",
      why: "The VM has stopped since: what was changed while it ran is gone.",
    };
  }
  const places = [
    ...(read.live === undefined ? [] : [{ place: "the running VM", is: isIn(read.live) }]),
    ...(read.config === undefined ? [] : [{ place: "its definition", is: isIn(read.config) }]),
  ];
  const changed = places.filter(({ is }) => is).map(({ place }) => place);
  if (changed.length === places.length) return { kind: "done" };
  if (changed.length === 0) return { kind: "undone" };
  return { kind: "partial", what: `${what} in ${changed.join(" and ")} only` };
}

async function readOrStopped(
  host: HostAgent,
  uuid: string,
  scope: ChangeScope,
  signal: AbortSignal,
): Promise<Definitions | "stopped"> {
  try {
    return await readDefinitions(host, uuid, scope, signal);
  } catch (thrown) {
    if (toCasemateError(thrown).code === "vm/not-running") return "stopped";
    throw thrown;
  }
}
