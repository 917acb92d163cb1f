import { randomUUID } from "node:crypto";
import type { GuestSweep } from "@casemate/agent";
import type { CheckGiven } from "../../operations/check-vm.ts";
import { vmResource } from "../../spine/gate.ts";
import { CheckBody, GuestCheck } from "../contract/check.ts";
import { asDocument } from "../contract/document.ts";
import { findVm } from "../find-vm.ts";
import { defineRoute } from "../route.ts";
import { VmParams } from "./vms.ts";

/** A `POST`, because a host works for it. */
export const check = defineRoute({
  method: "POST",
  path: "/api/v1/vms/:vm/checks",
  summary: "What detectors say of a running VM, from outside",
  access: "spine",
  params: VmParams,
  body: CheckBody,
  answer: GuestCheck,
  async handle({ params, body, principal, signal }, services) {
    const { request: id = randomUUID(), ...parameters } = body;
    const { target, host } = await findVm(services, params.vm, signal);
    const vm = vmResource(await host.hypervisor.domains.find(target.uuid, signal), host);
    await services.spine.submit(
      { id, operation: "vm.check", target, parameters, principal },
      signal,
    );
    const given: CheckGiven = { allowances: services.rules.allowancesOf(vm) };
    const answer = await services.spine.answer(id, principal, signal, given);
    const swept = answer as GuestSweep; // what `vm.check` answers
    const { verdicts, takenAt } = swept;
    await services.findings.observe({ vm, verdicts, at: takenAt });
    return asCheck(swept);
  },
});

function asCheck({ subject, takenAt, elapsedMs, verdicts }: GuestSweep): GuestCheck {
  const items = verdicts.map(({ suspicions, missed, ...verdict }) => ({
    ...verdict,
    missed: [...missed],
    suspicions: suspicions.map(({ techniques, evidence, ...suspicion }) => ({
      ...suspicion,
      techniques: [...techniques],
      evidence: evidence.map(({ disassembly, path, ...each }) => ({
        ...each,
        ...(disassembly === undefined ? {} : { disassembly: [...disassembly] }),
        ...(path === undefined ? {} : { path: [...path] }),
      })),
    })),
  }));
  return asDocument("GuestCheck", { subject, takenAt: takenAt.toISOString(), elapsedMs, items });
}
