import { Type } from "typebox";
import type { Principal } from "../../accounts/principal.ts";
import type { Services } from "../../services.ts";
import { actorOf } from "../../spine/request-facts.ts";
import type { SavedEvidence } from "../../watch/evidence/saved-evidence.ts";
import { asDocument } from "../contract/document.ts";
import { EvidenceDocument, EvidenceList } from "../contract/evidence.ts";
import { resourceOfFinding } from "../resource-of-finding.ts";
import { defineRoute } from "../route.ts";

const Params = Type.Object({ evidence: Type.String({ format: "uuid" }) });

export const evidences = defineRoute({
  path: "/api/v1/evidence",
  summary: "Bundles of evidence of the VMs that the caller may look into, the newest first",
  access: "spine",
  answer: EvidenceList,
  async handle({ principal, signal }, services) {
    const items: EvidenceList["items"] = [];
    for (const saved of await services.evidence.list()) {
      const resource = await resourceOfFinding(services, saved, signal);
      const { kind } = services.gate.decide({ principal, actions: ["evidence.read"], resource });
      if (kind === "permitted") items.push(show(saved));
    }
    return asDocument("EvidenceList", { items });
  },
});

export const evidence = defineRoute({
  path: "/api/v1/evidence/:evidence",
  summary: "One bundle of evidence, without what is in it",
  access: "spine",
  params: Params,
  answer: EvidenceDocument,
  async handle({ params, principal, signal }, services) {
    const saved = await services.evidence.get(params.evidence);
    const resource = await resourceOfFinding(services, saved, signal);
    services.gate.verify({ principal, actions: ["evidence.read"], resource });
    return asDocument("Evidence", show(saved));
  },
});

export const evidenceBundle = defineRoute({
  path: "/api/v1/evidence/:evidence/bundle",
  summary: "A bundle of evidence: a tar archive that `casemate evidence verify` checks",
  access: "spine",
  params: Params,
  answer: Type.String({ contentMediaType: "application/x-tar" }),
  produces: "application/x-tar",
  async handle({ params, principal, signal }, services) {
    const { evidence: bundles, facts } = services;
    const saved = await bundles.get(params.evidence);
    await verifyReader(saved, principal, services, signal);
    const bytes = await bundles.read(saved.id);
    await facts.record({
      kind: "evidence/read",
      actor: principal.id,
      subject: `vm:${saved.vm.uuid}`,
      body: { evidence: saved.id, manifest: saved.manifest, classes: [...saved.classes] },
    });
    return bytes;
  },
});

/**
 * Who may look at what is in it: whoever asked for it, to whom it was granted then, and who may look at all of
 * that now. Throws `auth/denied`.
 */
async function verifyReader(
  saved: SavedEvidence,
  principal: Principal,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const resource = await resourceOfFinding(services, saved, signal);
  const contents = [
    ...saved.classes.map((dataClass) => `vm.inspect.${dataClass}`),
    ...(saved.memory ? ["vm.evidence.memory"] : []),
  ];
  const isRequester = saved.by === actorOf(principal.account);
  const actions = ["evidence.read", ...(isRequester ? [] : contents)];
  services.gate.verify({ principal, actions, resource });
}

function show({
  vm,
  classes,
  findings,
  bytes,
  ...fields
}: SavedEvidence): EvidenceList["items"][number] {
  const { uuid, name, host } = vm;
  return {
    ...fields,
    vm: { uuid, name, host },
    classes: [...classes],
    findings: [...findings],
    ...(bytes === undefined ? {} : { bytes }),
  };
}
