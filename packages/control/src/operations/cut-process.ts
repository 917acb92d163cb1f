import { type CutPreview, cutLabelPrefix } from "@casemate/agent";
import { defineOperation } from "../spine/operation.ts";
import { describeProcess, processParameters, verifyProgram } from "./parts/named-process.ts";
import { refused } from "./parts/refused.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** What is done where a process cannot be told apart from the rest of its guest. */
const instead = "Take the whole VM off the network with `casemate vm isolate`.";

/** Takes one process of a running guest off the network, and lets the rest of it go on. */
export const cutProcess = defineOperation({
  id: "vm.process.cut",
  summary: "Take one process of a guest off the network",
  on: "vm",
  parameters: processParameters,
  // Whose the guest's sockets are is found by looks into the kernel.
  needs: () => ["vm.process.cut", "vm.inspect.kernelMetadata"],
  async plan({ host, target, parameters: { pid, started } }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `cut process ${pid} of ${vm.name} off the network`;
    verifyState("cut a process off the network of", vm, ["running", "blocked"]);
    if (vm.nics.length === 0) {
      throw refused(doing, "the VM has no network interface", "one to cut it off at");
    }
    const found = await host.processes.find(vm.uuid, { pid, started }, signal);
    verifyProgram(doing, found, instead);
    const process = { pid, started: found.started };
    const { processes, interfaces } = await host.cuts.read(vm.uuid, signal);
    if (processes.some((each) => each.pid === pid && each.started === found.started)) {
      throw refused(doing, "it is cut off", "one that is not");
    }
    await host.cuts.check(vm.uuid, signal);
    const preview = await host.cuts.preview(vm.uuid, process, signal);
    if (preview.elsewhere) {
      const why =
        "it has sockets in a network namespace of its own, whose packets the guest rewrites before they leave";
      throw refused(doing, why, "one in the guest's first network namespace", instead);
    }
    const taps = interfaces.map(({ mac, tap }) => `${tap} (${mac})`);
    return {
      steps: [
        ...describeProcess(found),
        `Let pass at ${taps.join(", ")} what is of sockets that processes other than it, and than what descends from it, are known to have open, and drop the rest.`,
        ...portWords(preview),
        "What is opened from then on by others passes after the next look at the guest's sockets, about half a second later: a connection is tried again by itself after a second, and a lookup of a name when its program does.",
        ...(preview.raw === 0
          ? []
          : [
              `They have ${preview.raw} raw sockets open, by which packets can be sent in the name of others: isolate the VM if that must not be.`,
            ]),
        "What others do for it is not cut off: a resolver, a proxy, a tunnel.",
        `Label ${vm.name} ${cutLabelPrefix}${pid}:${found.started}: until the process has ended, or rejoins, or the guest boots, it stays cut off.`,
      ],
      effects: [
        { kind: "vm", id: vm.uuid, change: "interrupted" },
        { kind: "memory", id: vm.uuid, change: "read" },
      ],
      irreversible: [],
      destroysState: false,
      downtime: true,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId ?? null, ...process, name: found.name },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, pid, started } = details;
    await host.cuts.cut(uuid, { pid, started }, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { processes, interfaces } = await host.cuts.read(details.uuid, signal);
    const { pid, started } = details;
    const isCut = processes.some((each) => each.pid === pid && each.started === started);
    const open = interfaces.filter(({ cut }) => !cut);
    if (!isCut) return { kind: "undone" };
    if (open.length === 0)
      return { kind: "done", result: { macs: interfaces.map(({ mac }) => mac) } };
    return { kind: "partial", what: `all but ${open.map(({ mac }) => mac).join(", ")}` };
  },
  // No `undo`: what is there of it keeps harm in, and vm.process.rejoin takes it back.
});

function portWords({ tcpPorts, udpPorts }: CutPreview): string[] {
  const named = [
    ...tcpPorts.map((port) => `TCP port ${port}`),
    ...udpPorts.map((port) => `UDP port ${port}`),
  ];
  if (named.length === 0) return [];
  return [
    `Close ${named.join(", ")}, which they have open, also to others that have them open too.`,
  ];
}
