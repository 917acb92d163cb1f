import { Type } from "typebox";
import type { Operation } from "../spine/operation.ts";
import type { CleanStates } from "../watch/clean-states/clean-states.ts";
import { refused } from "./parts/refused.ts";
import { isSnapshot } from "./parts/snapshot-identity.ts";
import { restoreVm } from "./restore-vm.ts";
import { readVm } from "./vm-facts.ts";

const { state } = restoreVm.parameters.properties;

/** Takes a VM back to the last of its snapshots that is known clean: a restore, with its policies. */
export function revertVm(states: Pick<CleanStates, "of">): Operation {
  return {
    ...restoreVm,
    id: "vm.revert",
    summary: "Go back to the last state of a VM that is known clean",
    parameters: Type.Object({ ...(state && { state }) }, { additionalProperties: false }),
    needs: () => [restoreVm.id],
    async plan(call, signal) {
      const { host, target } = call;
      if (host === undefined) throw refused("revert it", "it has no host", "one");
      const vm = await readVm(host, target, signal);
      const doing = `revert ${vm.name} to a state that is known clean`;
      const snapshots = await host.hypervisor.snapshots.list(vm.uuid, signal);
      const known = (await states.of(vm.uuid)).filter((each) =>
        snapshots.some((snapshot) => isSnapshot(snapshot, each)),
      );
      const last = known.find(({ doubtedBy }) => doubtedBy === undefined);
      if (last === undefined) {
        const doubted = known.map(({ name }) => name).join(", ");
        throw refused(
          doing,
          doubted === ""
            ? "no sweep has found one of its snapshots clean"
            : `what was found since may have been in ${doubted} already`,
          "a snapshot that was swept after it was taken, with nothing found",
          `Look at what there is with \`casemate vm snapshots\`, and go back to one with \`casemate vm restore\`; or isolate it with \`casemate vm isolate\`.`,
        );
      }
      const { name, createdAt, knownAt, looked, total } = last;
      const parameters = { ...Object(call.parameters), snapshot: name };
      const draft = await restoreVm.plan({ ...call, parameters }, signal);
      const steps = [
        `The last state known clean is ${name} of ${createdAt}: ${looked} of ${total} checks that may look found nothing in what became of it, until ${knownAt}.`,
        ...draft.steps,
      ];
      return { ...draft, steps };
    },
  };
}
