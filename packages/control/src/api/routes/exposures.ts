import { Type } from "typebox";
import type { Principal } from "../../accounts/principal.ts";
import { currentState, findExposures, type VmExposures } from "../../scans/find-exposures.ts";
import { memoryActions } from "../../scans/memory-classes.ts";
import { findUse } from "../../scans/package-uses.ts";
import type { Services } from "../../services.ts";
import { type VmResource, vmResource } from "../../spine/gate.ts";
import { asDocument } from "../contract/document.ts";
import { ExposureList } from "../contract/exposure.ts";
import { defineRoute } from "../route.ts";

export const exposures = defineRoute({
  path: "/api/v1/exposures",
  summary: "Known vulnerabilities of every state that was scanned of VMs that the caller may scan",
  access: "spine",
  query: Type.Object({
    cve: Type.Optional(
      Type.String({ pattern: "^[A-Za-z0-9:._-]{1,64}$", description: "This vulnerability alone." }),
    ),
  }),
  answer: ExposureList,
  async handle({ query, principal, signal }, services) {
    const { scannedStates, advisories } = services;
    const opened = await advisories.snapshot();
    const maySee = visibleTo(principal, services, ["vm.scan"]);
    const maySeeMemory = visibleTo(principal, services, memoryActions);
    const states = (await scannedStates.list()).filter(({ resource }) => maySee(resource));
    const found =
      opened === undefined ? [] : findExposures(states, await scannedStates.inventories(), opened);
    const scanned = new Set(states.map(({ resource: { host, uuid } }) => `${host}/${uuid}`));
    const never: string[] = [];
    for (const host of services.hosts.values()) {
      for (const vm of await host.hypervisor.domains.list(signal)) {
        const resource = vmResource(vm, host);
        if (maySee(resource) && !scanned.has(`${host.id}/${vm.uuid}`)) never.push(vm.name);
      }
    }
    return asDocument("ExposureList", {
      advisories:
        opened === undefined
          ? null
          : { sha256: opened.manifest.sha256, created: opened.manifest.created },
      items: found
        .flatMap((each) => listItems(each, maySeeMemory(each.vm)))
        .filter(({ vulnerability }) => {
          return query.cve === undefined || vulnerability === query.cve;
        }),
      inconclusive: [
        ...never.map((vm) => ({ vm, reason: "It was never scanned." })),
        ...found.flatMap(listGaps),
      ],
    });
  },
});

/** What was seen on a VM's disks, and in its memory, is for those who may look there. */
function visibleTo(principal: Principal, { gate }: Services, actions: readonly string[]) {
  return (resource: VmResource): boolean =>
    gate.decide({ principal, actions, resource }).kind === "permitted";
}

function listItems(
  { vm, exposures, uses }: VmExposures,
  maySeeUses: boolean,
): ExposureList["items"] {
  const { uuid, name, host } = vm;
  return exposures.map(({ latest, latestState, ...exposure }) => ({
    vm: { uuid, name, host },
    ...exposure,
    severity: latest.severity?.level ?? null,
    installed: latest.installed,
    fixed: latest.fixed,
    latestState,
    isCurrent: latestState === currentState,
    use:
      !maySeeUses || uses === undefined || latestState !== currentState
        ? null
        : { level: findUse(uses, latest), at: uses.at },
  }));
}

function listGaps({ vm, uncovered, incomplete }: VmExposures): ExposureList["inconclusive"] {
  const packages = new Map(
    uncovered.map(({ ecosystem, reason, packages }) => [
      `${ecosystem} ${reason}`,
      `${packages} packages of ${ecosystem ?? "no known ecosystem"}: ${reason}.`,
    ]),
  );
  return [
    ...[...packages.values()].map((reason) => ({ vm: vm.name, reason })),
    ...[...new Set(incomplete)].map((state) => ({
      vm: vm.name,
      reason: `Not all of its ${state} state could be looked at.`,
    })),
  ];
}
