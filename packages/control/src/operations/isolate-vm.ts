import { formatForensicChannel, isolatedLabel, parseForensicChannel } from "@casemate/agent";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { networkEffects } from "./parts/network-effects.ts";
import { refused } from "./parts/refused.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** Takes a running VM off the network, at the host's end of its interfaces. */
export const isolateVm = defineOperation({
  id: "vm.isolate",
  summary: "Take a running VM off the network",
  on: "vm",
  parameters: Type.Object(
    {
      keep: Type.Optional(
        Type.String({
          maxLength: 64,
          description:
            "Who may still open TCP connections to which of its ports, as 192.0.2.7:22 or [2001:db8::/64]:22.",
        }),
      ),
      via: Type.Optional(
        Type.String({
          maxLength: 45,
          description: "The router on the VM's own network that leads to those it keeps.",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters: { keep, via } }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `isolate ${vm.name}`;
    verifyState("isolate", vm, ["running", "blocked", "paused"]);
    if (vm.nics.length === 0) {
      throw refused(doing, "it has no network interface", "one that can be isolated");
    }
    if (via !== undefined && keep === undefined) {
      throw refused(doing, `${via} is to lead to nobody`, "`keep` beside `via`");
    }
    const channel = keep === undefined ? undefined : parseForensicChannel(keep, via);
    const kept = channel === undefined ? null : formatForensicChannel(channel);
    const { network } = host.hypervisor;
    await network.check(vm.uuid, channel, signal);
    const now = await network.isolation(vm.uuid, signal);
    const taps = now.interfaces.map(({ mac, tap }) => `${tap} (${mac})`);
    return {
      steps: [
        ...(now.rules ? [`Replace the isolation that ${vm.name} has.`] : []),
        `Drop every packet from and to ${vm.name} at ${taps.join(", ")}.`,
        ...(channel === undefined
          ? []
          : [
              `Let those TCP connections pass that ${channel.address}/${channel.prefix} opens to its port ${channel.port}${via === undefined ? "" : `, through ${via}`}.`,
              "The guest cannot renew an address that it was lent: the channel lasts as long as the address.",
            ]),
        ...(vm.hostDevices === 0
          ? []
          : [
              `What it reaches through the host's own devices that it was given (${vm.hostDevices}) is not isolated.`,
            ]),
        `Label it ${isolatedLabel}: started again, it is isolated from the start, with nothing kept open.`,
      ],
      effects: [{ kind: "vm", id: vm.uuid, change: "interrupted" }, ...networkEffects(vm)],
      irreversible: [],
      destroysState: false,
      downtime: true,
      diskBytes: 0,
      details: {
        uuid: vm.uuid,
        runId: vm.runId ?? null,
        macs: vm.nics.map(({ mac }) => mac),
        keep: kept,
        via: via ?? null,
      },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, keep, via } = details;
    const channel = keep === null ? undefined : parseForensicChannel(keep, via ?? undefined);
    await host.hypervisor.network.isolate(uuid, channel, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const now = await host.hypervisor.network.isolation(details.uuid, signal);
    const open = now.interfaces.filter(({ isolated }) => !isolated);
    if (open.length === now.interfaces.length) return { kind: "undone" };
    const isKept =
      (now.keep?.keep ?? null) === details.keep && (now.keep?.via ?? null) === details.via;
    if (!isKept) return { kind: "undone" };
    if (open.length > 0) {
      return { kind: "partial", what: `all but ${open.map(({ mac }) => mac).join(", ")}` };
    }
    if (!now.labelled) return { kind: "partial", what: "its interfaces, for this run alone" };
    return { kind: "done", result: { macs: details.macs } };
  },
  // No `undo`: what is there of it keeps harm in, and vm.release takes it back.
});
