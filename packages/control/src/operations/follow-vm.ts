import type { FileWatchTick } from "@casemate/agent";
import { Type } from "typebox";
import { FollowOrder, mostFollowMs } from "../api/contract/file-event.ts";
import { defineOperation } from "../spine/operation.ts";
import { harmless } from "./parts/harmless.ts";
import { refused } from "./parts/refused.ts";
import { seeAnswer } from "./parts/see-answer.ts";
import { readVm } from "./vm-facts.ts";

/** Where what is seen goes while a VM's files are followed. */
export interface FollowGiven {
  take(tick: FileWatchTick): Promise<void>;
}

/**
 * Follows what happens to a VM's files until its requester leaves, or somebody cancels it.
 *
 * Names and sizes of files are what stands in a guest's directories: they need the right to its files' contents.
 */
export const followVm = defineOperation({
  id: "vm.follow",
  summary: "Follow what happens to a VM's files",
  on: "vm",
  attended: true,
  shared: true,
  parameters: Type.Object(FollowOrder, { additionalProperties: false }),
  needs: () => ["vm.scan", "vm.inspect.fileContents"],
  async plan({ host, target, parameters: { duration = mostFollowMs } }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `follow the files of ${vm.name}`;
    if (vm.runId === undefined) throw refused(doing, `it is ${vm.state}`, "it to run");
    if (!(await host.hypervisor.facts(signal)).backup) {
      throw refused(doing, "its host has no views of disks", "libvirt 7.2 or newer with QEMU");
    }
    return {
      steps: [
        `Note in QEMU's memory what ${vm.name} writes to its disks, until the requester leaves, for ${duration / 1_000} s at most.`,
        "Each time there is something, view the disks as they are then and read which files it is of.",
        "The guest is not touched.",
      ],
      effects: [{ kind: "vm", id: vm.uuid, change: "read" }],
      ...harmless,
      details: { uuid: vm.uuid, runId: vm.runId, duration },
    };
  },
  async execute({ host, plan: { details }, given }, signal) {
    const { uuid, duration } = details;
    const { take } = given as FollowGiven; // the route for file events gives it, and nobody else asks
    const stop = AbortSignal.any([signal, AbortSignal.timeout(duration)]);
    try {
      for await (const tick of host.watchFiles(uuid, stop)) await take(tick);
    } catch (thrown) {
      if (!stop.aborted) throw thrown; // leaving is how it ends
    }
  },
  look: seeAnswer,
});
