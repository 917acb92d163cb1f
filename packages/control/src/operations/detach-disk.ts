import { CasemateError } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { chooseScope, scopeParameter, scopeWords } from "./parts/change-scope.ts";
import { readDiskImage } from "./parts/disk-image.ts";
import { hotPluggable } from "./parts/hot-pluggable.ts";
import { readDefinitions } from "./parts/read-definitions.ts";
import { refused } from "./parts/refused.ts";
import { seeChange } from "./parts/see-change.ts";
import { readVm } from "./vm-facts.ts";

/** Takes a disk out of a VM; the disk itself stays. */
export const detachDisk = defineOperation({
  id: "vm.disk.detach",
  summary: "Detach a disk from a VM",
  on: "vm",
  parameters: Type.Object(
    {
      target: Type.String({ pattern: "^[a-z]{3,5}$", description: "As `vdb`." }),
      scope: scopeParameter,
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `detach ${parameters.target} from ${vm.name}`;
    const scope = chooseScope(doing, vm, parameters.scope);
    const { live, config } = await readDefinitions(host, vm.uuid, scope, signal);
    const inLive = live?.disks.find((disk) => disk.target === parameters.target);
    const inConfig = config?.disks.find((disk) => disk.target === parameters.target);
    if (live !== undefined && inLive === undefined)
      throw refused(doing, "it runs without it", "it to have it");
    if (config !== undefined && inConfig === undefined) {
      throw refused(doing, "its definition does not have it", "it to");
    }
    const disk = inLive ?? inConfig;
    if (disk === undefined) throw refused(doing, "it is not there", "a disk of this name");
    if (live !== undefined && !hotPluggable.has(disk.bus)) {
      throw refused(
        doing,
        `it runs, and a ${disk.bus} disk cannot go while it does`,
        "it to be stopped",
      );
    }
    const image = await readDiskImage(host, disk, signal);
    const file = image?.path ?? "what it holds";
    return {
      steps: [
        `Detach ${disk.target} from ${vm.name} ${scopeWords(scope)}.`,
        ...(live === undefined ? [] : ["The guest is asked to let it go, and may refuse."]),
        `Nothing is removed: ${file} stays as it is.`,
      ],
      effects: [
        { kind: "vm", id: vm.uuid, change: "changed" },
        ...(image === undefined
          ? []
          : [{ kind: "disk" as const, id: image.path, change: "changed" as const }]), // literals
      ],
      irreversible:
        live === undefined ? [] : ["What the guest has not written to the disk by then is lost."],
      destroysState: false,
      downtime: false,
      diskBytes: 0,
      details: {
        ...{ uuid: vm.uuid, runId: vm.runId ?? null, scope },
        ...{ target: disk.target, path: image?.path ?? null },
      },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, scope } = details;
    const { devices } = host.hypervisor;
    const name = { kind: "disk", target: details.target } as const; // a literal
    // The definition keeps it for as long as the guest does not let it go.
    if (scope !== "config" && (await devices.detach(uuid, name, "live", signal)) === "asked") {
      throw new CasemateError(
        "operation/failed",
        `Cannot detach ${details.target}: the guest has not let it go, expected it to within some seconds.`,
        { next: "Unmount it inside the guest and try again, or stop the VM." },
      );
    }
    if (scope !== "live") await devices.detach(uuid, name, "config", signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { uuid, scope, target } = details;
    const what = `disk ${target} is gone`;
    return await seeChange(
      host,
      { uuid, scope, what },
      ({ disks }) => !disks.some((disk) => disk.target === target),
      signal,
    );
  },
});
