import type { HostAgent } from "@casemate/agent";
import { principalOf } from "../accounts/principal.ts";
import type { FactLog } from "../facts/fact-log.ts";
import type { Gate } from "../spine/gate.ts";
import type { RequestRunner } from "../spine/request-runner.ts";
import type { World } from "./world.ts";

/** What libvirt is about to do, as its hook tells it. */
export interface Launch {
  readonly action: "libvirt.start" | "libvirt.receive";
  readonly uuid: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly networks: readonly string[];
}

export type Judgement =
  | { readonly permitted: true }
  | { readonly permitted: false; readonly because: string };

/** Whoever made libvirt do it: nobody who asked Casemate. */
const somebody = principalOf({
  account: "libvirt",
  person: "unknown",
  roles: [],
  mfa: false,
  method: "local",
  scopes: "all",
  credential: "hook",
});

/**
 * Whether libvirt may make a guest run. It waits for the answer: nothing of libvirt is asked meanwhile.
 *
 * What Casemate has begun itself was judged before. A refusal is recorded.
 */
export async function judgeLaunch(
  launch: Launch,
  host: HostAgent | undefined,
  parts: {
    readonly gate: Gate;
    readonly runner: RequestRunner;
    readonly facts: FactLog;
    readonly world: World;
  },
): Promise<Judgement> {
  const { action, uuid, name, networks } = launch;
  if (parts.runner.isLaunching(uuid)) return { permitted: true };
  // A saved state brings the definition of then: labels given since count, too.
  const labels = [...new Set([...launch.labels, ...(await parts.world.labelsOf(uuid))])];
  const { kind, because, policies } = parts.gate.decide({
    principal: somebody,
    actions: [action],
    resource: { kind: "vm", uuid, name, host: host?.id ?? "", networks, labels },
    source: "hook",
  });
  if (kind === "permitted") return { permitted: true };
  await parts.facts.record({
    kind: "libvirt/refused",
    actor: "unknown",
    subject: `vm:${uuid}`,
    body: { action, name, policies: [...policies] },
  });
  return { permitted: false, because: because ?? "the policy asks for an approval first" };
}
