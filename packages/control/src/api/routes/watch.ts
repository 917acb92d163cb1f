import { CasemateError } from "@casemate/core";
import type { Services } from "../../services.ts";
import { VmVerdicts, type VmWatchState } from "../../watch/sweeps/vm-verdicts.ts";
import { asDocument } from "../contract/document.ts";
import { VmWatch } from "../contract/watch.ts";
import { type FoundVm, findVm } from "../find-vm.ts";
import { defineRoute } from "../route.ts";
import { VmParams } from "./vms.ts";

export const vmWatch = defineRoute({
  path: "/api/v1/vms/:vm/watch",
  summary: "How the watch over a VM stands",
  access: { action: "finding.read" },
  params: VmParams,
  answer: VmWatch,
  async handle({ params, signal }, services) {
    const found = await findVm(services, params.vm, signal);
    return await describe(
      found,
      services.sweeps.get(found.host.id)?.stateOf(found.vm.uuid),
      services,
    );
  },
});

export const sweepVm = defineRoute({
  method: "POST",
  path: "/api/v1/vms/:vm/watch/sweep",
  summary: "Have the watch sweep a VM now",
  access: { action: "vm.inspect.kernelMetadata" },
  params: VmParams,
  answer: VmWatch,
  async handle({ params, signal }, services) {
    const found = await findVm(services, params.vm, signal);
    const sweeps = services.sweeps.get(found.host.id);
    if (sweeps === undefined) {
      throw new CasemateError(
        "operation/refused",
        `Cannot sweep ${found.vm.name}: sweeps are switched off, expected them to be on.`,
        { next: "Start Casemate without `--sweep-every 0`, or run `casemate check VM`." },
      );
    }
    return await describe(found, await sweeps.now(found.vm.uuid), services);
  },
});

async function describe(
  { vm: { uuid, name } }: FoundVm,
  state: VmWatchState | undefined,
  { findings }: Services,
): Promise<VmWatch> {
  const open = await findings.list({ states: ["open"], vm: uuid });
  const { detectors, classes, lastSweep, failure, unasked, ...figures } =
    state ?? new VmVerdicts().describe();
  return asDocument("VmWatch", {
    vm: { uuid, name },
    watched: state !== undefined,
    openFindings: open.length,
    verdict: open.length > 0 ? "suspicious" : figures.verdict,
    coverage: figures.coverage,
    untold: figures.untold,
    classes: [...classes],
    detectors: detectors.map(({ missed, ...each }) => ({ ...each, missed: [...missed] })),
    unasked: [...unasked],
    ...(lastSweep === undefined ? {} : { lastSweep }),
    ...(failure === undefined ? {} : { failure }),
    ...(state?.nextSweep === undefined ? {} : { nextSweep: state.nextSweep }),
    ...(state === undefined ? {} : { budget: state.budget }),
  });
}
