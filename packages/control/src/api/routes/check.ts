import { randomUUID } from "node:crypto";
import type { GuestSweep } from "@casemate/agent";
import type { CheckGiven } from "../../operations/check-vm.ts";
import { vmResource } from "../../spine/gate.ts";
import { hashOf } from "../../spine/plan.ts";
import { CheckBody, GuestCheck } from "../contract/check.ts";
import { maxRulesBodyBytes } from "../contract/yara-rules.ts";
import { findVm } from "../find-vm.ts";
import { defineRoute } from "../route.ts";
import { showCheck } from "../show-check.ts";
import { VmParams } from "./vms.ts";

/** A `POST`, because a host works for it. */
export const check = defineRoute({
  method: "POST",
  path: "/api/v1/vms/:vm/checks",
  summary: "What detectors say of a running VM, from outside",
  access: "spine",
  params: VmParams,
  body: CheckBody,
  bodyBytes: maxRulesBodyBytes,
  answer: GuestCheck,
  async handle({ params, body, principal, signal }, services) {
    const { request: id = randomUUID(), rules, ...told } = body;
    const parameters = { ...told, ...(rules === undefined ? {} : { rules: hashOf(rules) }) };
    const { target, host } = await findVm(services, params.vm, signal);
    const vm = vmResource(await host.hypervisor.domains.find(target.uuid, signal), host);
    await services.spine.submit(
      { id, operation: "vm.check", target, parameters, principal },
      signal,
    );
    const given: CheckGiven = { allowances: services.rules.allowancesOf(vm), rules };
    const answer = await services.spine.answer(id, principal, signal, given);
    const swept = answer as GuestSweep; // what `vm.check` answers
    const { verdicts, takenAt } = swept;
    await services.findings.observe({ vm, verdicts, at: takenAt });
    return showCheck(swept);
  },
});
