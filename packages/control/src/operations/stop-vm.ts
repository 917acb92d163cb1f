import { CasemateError, milliseconds } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** How long a guest may take to shut down, in seconds, unless it is told otherwise. */
const PATIENCE = 120;

/** Asks a guest to shut down, and waits until it has. */
export const stopVm = defineOperation({
  id: "vm.stop",
  summary: "Ask a guest to shut down",
  on: "vm",
  parameters: Type.Object(
    {
      patience: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 3_600,
          description: `How long the guest may take, in seconds (default ${PATIENCE}).`,
        }),
      ),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters: { patience = PATIENCE } }, signal) {
    const vm = await readVm(host, target, signal);
    verifyState("stop", vm, ["running", "blocked"]);
    return {
      steps: [
        `Press the power button of ${vm.name}.`,
        `Wait up to ${patience} s until the guest has shut down.`,
      ],
      effects: [{ kind: "vm", id: vm.uuid, change: "interrupted" }],
      irreversible: vm.persistent
        ? []
        : [`${vm.name} has no definition: it is gone once it stops.`],
      destroysState: !vm.persistent,
      downtime: true,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId ?? null, patience },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { domains } = host.hypervisor;
    await domains.shutdown(details.uuid, signal);
    const limit = milliseconds(details.patience * 1_000);
    const state = await domains.waitForState(details.uuid, ["shutoff", "crashed"], limit, signal);
    if (state === "shutoff" || state === "crashed") return;
    throw new CasemateError(
      "operation/failed",
      `Cannot stop the VM: after ${details.patience} s the guest is still ${state}, expected it to shut down.`,
      { next: "Look at its console, or force it with `casemate vm kill`." },
    );
  },
  async look({ host, plan: { details } }, signal) {
    const limit = milliseconds(0);
    const { domains } = host.hypervisor;
    const state = await domains.waitForState(details.uuid, ["shutoff", "crashed"], limit, signal);
    return { kind: state === "shutoff" || state === "crashed" ? "done" : "undone" };
  },
});
