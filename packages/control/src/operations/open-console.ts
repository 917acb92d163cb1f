import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { refused } from "./parts/refused.ts";
import { readVm } from "./vm-facts.ts";

/** Connects its requester with a VM's serial console: its answer is a `Duplex`. */
export const openConsole = defineOperation({
  id: "vm.console",
  summary: "Use a VM's serial console",
  on: "vm",
  attended: true,
  shared: true,
  parameters: Type.Object(
    {
      device: Type.Optional(
        Type.String({
          pattern: "^[a-z][a-z0-9-]{0,31}$",
          description: "Which one, as `serial1`; the first unless given.",
        }),
      ),
      force: Type.Optional(Type.Boolean({ description: "Take it from whoever uses it." })),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters: { device, force = false } }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `open a console of ${vm.name}`;
    if (vm.runId === undefined) throw refused(doing, `it is ${vm.state}`, "it to run");
    if (!(await host.hypervisor.facts(signal)).consoles) {
      throw refused(doing, "this host's libvirt has no consoles", "one that has");
    }
    const known = vm.consoles.flatMap(({ alias }) => (alias === undefined ? [] : [alias]));
    if (vm.consoles.length === 0 || (device !== undefined && !known.includes(device))) {
      throw refused(doing, `it has ${known.join(", ") || "none"}`, device ?? "a serial console");
    }
    const which = device ?? "its first serial console";
    return {
      steps: [
        `Connect ${which} of ${vm.name} with the requester until either lets go.`,
        ...(force ? ["Whoever has it now loses it."] : []),
        "What is typed there is not recorded.",
      ],
      effects: [{ kind: "console", id: vm.uuid, change: force ? "interrupted" : "read" }],
      irreversible: [],
      destroysState: false,
      downtime: false,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId, device: device ?? null, force },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, device, force } = details;
    const options = { force, ...(device === null ? {} : { device }) };
    return await host.hypervisor.console.open(uuid, options, signal);
  },
  async look({ executed }) {
    if (executed) return { kind: "done" };
    return { kind: "unknown", why: "Casemate ended, and with it the console if it was open." };
  },
});
