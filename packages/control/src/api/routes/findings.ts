import { CasemateError } from "@casemate/core";
import { severities } from "@casemate/inspect";
import { Type } from "typebox";
import type { Principal } from "../../accounts/principal.ts";
import type { Services } from "../../services.ts";
import { type VmResource, vmResource } from "../../spine/gate.ts";
import { type Finding, findingStates } from "../../watch/findings/finding.ts";
import { asDocument } from "../contract/document.ts";
import { FindingDocument, FindingList } from "../contract/finding.ts";
import { describeFinding } from "../describe-finding.ts";
import { resourceOfFinding } from "../resource-of-finding.ts";
import { defineRoute } from "../route.ts";

const Params = Type.Object({
  finding: Type.String({ pattern: "^[0-9a-f]{8,32}$", description: "Its id, or how that begins." }),
});

const Note = Type.String({ minLength: 1, maxLength: 2_000, description: "Why." });

/** How long a finding can be known before somebody says so again, in days. */
const LONGEST = 366;

export const findings = defineRoute({
  path: "/api/v1/findings",
  summary: "What was found on the VMs that the caller may see, the last seen first",
  access: "spine",
  query: Type.Object({
    state: Type.Optional(Type.Enum([...findingStates, "all"])),
    vm: Type.Optional(Type.String({ maxLength: 255, description: "By UUID or name." })),
    detector: Type.Optional(Type.String({ maxLength: 64 })),
    severity: Type.Optional(Type.Enum([...severities], { description: "So bad at least." })),
    technique: Type.Optional(Type.String({ pattern: "^T\\d{4}(\\.\\d{3})?$" })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  }),
  answer: FindingList,
  async handle({ query, principal, signal }, services) {
    const { state = "open", vm, detector, severity = "low", technique, limit = 200 } = query;
    const now = await resourcesNow(services, signal);
    const found = await services.findings.list({
      states: state === "all" ? findingStates : [state],
      severities: severities.slice(severities.indexOf(severity)),
      ...(detector === undefined ? {} : { detector }),
      ...(technique === undefined ? {} : { technique }),
    });
    const visible = found.flatMap((finding) => {
      const resource = now.get(`${finding.vm.host}/${finding.vm.uuid}`) ?? finding.vm;
      if (vm !== undefined && vm !== resource.uuid && vm !== resource.name) return [];
      const wanted = { principal, actions: ["finding.read"], resource };
      return services.gate.decide(wanted).kind === "permitted" ? [{ finding, resource }] : [];
    });
    return asDocument("FindingList", {
      items: visible
        .slice(0, limit)
        .map(({ finding, resource }) => describeFinding(finding, principal, resource, services)),
      total: visible.length,
    });
  },
});

export const finding = defineRoute({
  path: "/api/v1/findings/:finding",
  summary: "One finding, with its evidence",
  access: { action: "finding.read" },
  params: Params,
  answer: FindingDocument,
  async handle({ params, principal, signal }, services) {
    const found = await services.findings.get(params.finding);
    return await describe(found, principal, services, signal);
  },
});

export const acknowledgeFinding = defineRoute({
  method: "POST",
  path: "/api/v1/findings/:finding/acknowledge",
  summary: "Say that a finding is known, until a day",
  access: { action: "finding.acknowledge" },
  params: Params,
  body: Type.Object(
    {
      reason: Note,
      until: Type.String({
        format: "date-time",
        description: `When it is open again, if it is still seen then; in ${LONGEST} days at the latest.`,
      }),
    },
    { additionalProperties: false },
  ),
  answer: FindingDocument,
  async handle({ params, body, principal, signal }, services) {
    const until = new Date(body.until);
    const days = (until.getTime() - Date.now()) / 86_400_000;
    if (!(days > 0 && days <= LONGEST)) {
      throw new CasemateError(
        "usage",
        `Cannot acknowledge finding ${params.finding} until ${body.until}: expected a time to come, within ${LONGEST} days.`,
      );
    }
    const word = { until: until.toISOString(), note: body.reason };
    const found = await services.findings.acknowledge(params.finding, principal, word);
    return await describe(found, principal, services, signal);
  },
});

export const closeFinding = defineRoute({
  method: "POST",
  path: "/api/v1/findings/:finding/close",
  summary: "Say that a finding is dealt with; it opens again if it is seen again",
  access: { action: "finding.close" },
  params: Params,
  body: Type.Object({ reason: Note }, { additionalProperties: false }),
  answer: FindingDocument,
  async handle({ params, body, principal, signal }, services) {
    const found = await services.findings.close(params.finding, principal, body.reason);
    return await describe(found, principal, services, signal);
  },
});

async function describe(
  finding: Finding,
  reader: Principal,
  services: Services,
  signal: AbortSignal,
): Promise<FindingDocument> {
  const resource = await resourceOfFinding(services, finding, signal);
  const answers = await services.responder.answersTo(finding.id);
  const responses = answers.map(
    async ({ finding: _, operation, decision, message, steps, ...answer }) => {
      const request = await services.requests.find(answer.id);
      return {
        ...answer,
        steps: [...steps],
        ...(operation === undefined ? {} : { operation }),
        ...(decision === undefined ? {} : { decision }),
        ...(message === undefined ? {} : { message }),
        ...(request === undefined ? {} : { request: request.state }),
      };
    },
  );
  return asDocument("Finding", {
    ...describeFinding(finding, reader, resource, services),
    responses: await Promise.all(responses),
  });
}

/** The VMs of the hosts that answer, by host and UUID. */
async function resourcesNow(
  { hosts }: Services,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, VmResource>> {
  const found = new Map<string, VmResource>();
  for (const host of hosts.values()) {
    if (!host.status().connected) continue;
    for (const vm of await host.hypervisor.domains.list(signal)) {
      found.set(`${host.id}/${vm.uuid}`, vmResource(vm, host));
    }
  }
  return found;
}
