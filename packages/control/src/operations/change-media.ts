import type { DefinitionDescription } from "@casemate/agent";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { chooseScope, scopeParameter, scopeWords } from "./parts/change-scope.ts";
import { readDefinitions } from "./parts/read-definitions.ts";
import { refused } from "./parts/refused.ts";
import { seeChange } from "./parts/see-change.ts";
import { verifyMedium } from "./parts/verify-medium.ts";
import { readVm } from "./vm-facts.ts";

/** Puts a medium into a drive of a VM, or takes it out. */
export const changeMedia = defineOperation({
  id: "vm.media.change",
  summary: "Insert or eject a medium",
  on: "vm",
  parameters: Type.Object(
    {
      target: Type.String({ pattern: "^[a-z]{3,5}$", description: "The drive, as `sda`." }),
      path: Type.Optional(
        Type.String({ pattern: "^/", description: "The medium to insert; ejects unless given." }),
      ),
      force: Type.Optional(
        Type.Boolean({ description: "Open the tray even where the guest locked it." }),
      ),
      scope: scopeParameter,
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters }, signal) {
    const { path, force = false } = parameters;
    const vm = await readVm(host, target, signal);
    const doing = `change the medium in ${parameters.target} of ${vm.name}`;
    const scope = chooseScope(doing, vm, parameters.scope);
    const { live, config } = await readDefinitions(host, vm.uuid, scope, signal);
    const from = {
      live: live === undefined ? null : mediumOf(doing, live, parameters.target),
      config: config === undefined ? null : mediumOf(doing, config, parameters.target),
    };
    const to = path ?? "";
    if ((from.live ?? to) === to && (from.config ?? to) === to) {
      throw refused(doing, path === undefined ? "it is empty" : "it is in it", "a change");
    }
    if (path !== undefined) await verifyMedium(doing, host, path, signal);
    const before = from.live ?? from.config ?? "";
    return {
      steps: [
        ...(before === "" ? [] : [`Eject ${before} from ${parameters.target} of ${vm.name}.`]),
        ...(path === undefined ? [] : [`Insert ${path} into ${parameters.target} of ${vm.name}.`]),
        `This is done ${scopeWords(scope)}${force ? ", even where the guest locked the tray" : ""}.`,
      ],
      effects: [
        { kind: "vm", id: vm.uuid, change: "changed" },
        ...(path === undefined
          ? []
          : [{ kind: "file" as const, id: path, change: "read" as const }]), // literals
      ],
      irreversible: [],
      destroysState: false,
      downtime: false,
      diskBytes: 0,
      details: {
        ...{ uuid: vm.uuid, runId: vm.runId ?? null, scope, target: parameters.target },
        ...{ from, to: path ?? null, force },
      },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, target, to, scope, force } = details;
    const options = { scope, force };
    await host.hypervisor.devices.changeMedia(uuid, target, to ?? undefined, options, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { uuid, scope, target, to } = details;
    return await seeChange(
      host,
      { uuid, scope, what: `the medium of ${target} is changed` },
      (definition) => readMedium(definition, target) === (to ?? ""),
      signal,
    );
  },
  async undo({ host, plan: { details } }, signal) {
    const { uuid, target, from, force } = details;
    const { devices } = host.hypervisor;
    for (const scope of ["live", "config"] as const) {
      const before = from[scope];
      if (before === null) continue;
      const path = before === "" ? undefined : before;
      await devices.changeMedia(uuid, target, path, { scope, force }, signal);
    }
  },
});

/** What is in a drive, empty where nothing is; undefined where it is no drive. */
function readMedium({ disks }: DefinitionDescription, target: string): string | undefined {
  const drive = disks.find((disk) => disk.target === target);
  if (drive === undefined || (drive.device !== "cdrom" && drive.device !== "floppy"))
    return undefined;
  return "path" in drive.source ? drive.source.path : "";
}

function mediumOf(doing: string, definition: DefinitionDescription, target: string): string {
  const medium = readMedium(definition, target);
  if (medium !== undefined) return medium;
  const drives = definition.disks.filter(({ device }) => device === "cdrom" || device === "floppy");
  const known = drives.map((drive) => drive.target).join(", ") || "none";
  throw refused(doing, `its drives are ${known}`, "one of them");
}
