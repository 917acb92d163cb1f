import { randomUUID } from "node:crypto";
import type { VmScan } from "@casemate/agent";
import type { ScanGiven } from "../../operations/scan-vm.ts";
import { hashOf } from "../../spine/plan.ts";
import { asDocument } from "../contract/document.ts";
import { ScanBody, SystemScan } from "../contract/scan.ts";
import { maxRulesBodyBytes } from "../contract/yara-rules.ts";
import { findVm } from "../find-vm.ts";
import { defineRoute } from "../route.ts";
import { VmParams } from "./vms.ts";

/** A `POST`, because what is installed there is kept, and a running VM's host works for it. */
export const scan = defineRoute({
  method: "POST",
  path: "/api/v1/vms/:vm/scans",
  summary: "What is on a VM's disks, or on those of one of its snapshots",
  access: "spine",
  params: VmParams,
  body: ScanBody,
  bodyBytes: maxRulesBodyBytes,
  answer: SystemScan,
  async handle({ params, body, principal, signal }, services) {
    const { request: id = randomUUID(), rules, passphrase, ...told } = body;
    const parameters = {
      ...told,
      ...(rules === undefined ? {} : { rules: hashOf(rules) }),
      ...(passphrase === undefined ? {} : { withPassphrase: true }),
    };
    const given: ScanGiven = {
      rules,
      passphrase: passphrase === undefined ? undefined : Buffer.from(passphrase, "base64"),
    };
    const { target } = await findVm(services, params.vm, signal);
    const order = { id, operation: "vm.scan", target, parameters, principal };
    await services.spine.submit(order, signal);
    const answer = await services.spine.answer(id, principal, signal, given);
    return asScan(answer as VmScan); // what `vm.scan` answers
  },
});

function asScan({ state, takenAt, os, volumes, found, missed, ...rest }: VmScan): SystemScan {
  const { at, ...others } = state;
  return asDocument("SystemScan", {
    ...rest,
    state: { ...others, at: at.toISOString() },
    takenAt: takenAt.toISOString(),
    ...(os === undefined ? {} : { os: { ...os } }),
    volumes: volumes.map((volume) => ({ ...volume })),
    found: Object.fromEntries(
      Object.entries(found).map(([name, rows]) => [name, rows.map((row) => ({ ...row }))]),
    ),
    missed: missed.map((each) => ({ ...each })),
  });
}
