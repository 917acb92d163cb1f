import type { DefinitionDescription, HostAgent } from "@casemate/agent";
import { bytes, formatBytes, MiB } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { chooseScope, scopeParameter } from "./parts/change-scope.ts";
import { readDefinitions } from "./parts/read-definitions.ts";
import { refused } from "./parts/refused.ts";
import { readVm } from "./vm-facts.ts";

/** What a VM has of what can be resized. */
type Size = {
  readonly vcpus: number;
  readonly maxVcpus: number;
  /** In bytes, as `maxMemory`. */
  readonly memory: number;
  readonly maxMemory: number;
};

/** Changes a VM's processors and memory. */
export const resizeVm = defineOperation({
  id: "vm.resize",
  summary: "Change a VM's CPUs and memory",
  on: "vm",
  parameters: Type.Object(
    {
      vcpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_096 })),
      memory: Type.Optional(
        Type.Integer({ minimum: MiB, multipleOf: 1024, description: "In bytes, whole KiB." }),
      ),
      maxVcpus: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 4_096,
          description: "How many it may be given while it runs, from its next start on.",
        }),
      ),
      maxMemory: Type.Optional(
        Type.Integer({
          minimum: MiB,
          multipleOf: 1024,
          description: "How much it may be given while it runs, from its next start on; in bytes.",
        }),
      ),
      scope: scopeParameter,
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `resize ${vm.name}`;
    const scope = chooseScope(doing, vm, parameters.scope);
    const { live, config } = await readDefinitions(host, vm.uuid, scope, signal);
    const { vcpus, memory } = parameters;
    const to = config === undefined ? undefined : nextSize(config, parameters);
    if (live !== undefined && vcpus !== undefined && vcpus > live.maxVcpus) {
      throw refused(doing, `it runs with room for ${live.maxVcpus} CPUs`, `${vcpus} at most that`);
    }
    if (live !== undefined && memory !== undefined && memory > live.maxMemory) {
      const room = formatBytes(live.maxMemory);
      throw refused(doing, `it runs with room for ${room}`, `${formatBytes(memory)} at most that`);
    }
    if (to !== undefined && (to.vcpus > to.maxVcpus || to.memory > to.maxMemory)) {
      throw refused(doing, "more is asked for than the maximum given with it", "a larger maximum");
    }
    if (config?.slotsMemory !== undefined && to?.maxMemory !== config.maxMemory) {
      throw refused(doing, "its memory is divided into NUMA nodes", "a new definition with others");
    }
    const now = {
      vcpus: live === undefined || vcpus === undefined ? null : { from: live.vcpus, to: vcpus },
      memory: live === undefined || memory === undefined ? null : { from: live.memory, to: memory },
    };
    const next = config === undefined || to === undefined ? null : { from: sizeOf(config), to };
    if (
      now.vcpus === null &&
      now.memory === null &&
      (next === null || isSame(next.from, next.to))
    ) {
      throw refused(doing, "it is of this size", "another one");
    }
    return {
      steps: describeSteps(vm.name, now, next),
      effects: [{ kind: "vm", id: vm.uuid, change: "changed" }],
      irreversible: [],
      destroysState: false,
      downtime: false,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId ?? null, now, next },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, now, next } = details;
    // What the guest may refuse first.
    await setLive(host, uuid, { vcpus: now.vcpus?.to, memory: now.memory?.to }, signal);
    if (next !== null) await setConfig(host, uuid, next.from, next.to, signal);
  },
  async look({ host, plan: { details }, executed }, signal) {
    const { uuid, now, next, runId } = details;
    const vm = await host.hypervisor.domains.find(uuid, signal);
    const asksLive = now.vcpus !== null || now.memory !== null;
    if (asksLive && vm.runId !== runId) {
      return { kind: "unknown", why: "The VM has been stopped or started since." };
    }
    const scope = next === null ? "live" : asksLive ? "both" : "config";
    const { live, config } = await readDefinitions(host, uuid, scope, signal);
    const parts = [
      ...(now.vcpus === null ? [] : [{ what: "its CPUs now", is: live?.vcpus === now.vcpus.to }]),
      // A guest gives memory back when it likes, if it knows how.
      ...(now.memory === null
        ? []
        : [{ what: "its memory now", is: executed || live?.memory === now.memory.to }]),
      ...(next === null || config === undefined
        ? []
        : [{ what: "its next start", is: isSame(sizeOf(config), next.to) }]),
    ];
    const done = parts.filter(({ is }) => is).map(({ what }) => what);
    if (done.length === parts.length) {
      return live === undefined || now.memory === null
        ? { kind: "done" }
        : { kind: "done", result: { memoryAsked: now.memory.to, memory: live.memory } };
    }
    const untouched =
      done.length === 0 &&
      (next === null || config === undefined || isSame(sizeOf(config), next.from));
    return untouched
      ? { kind: "undone" }
      : { kind: "partial", what: done.join(", ") || "a size between" };
  },
  async undo({ host, plan: { details } }, signal) {
    const { uuid, now, next } = details;
    await setLive(host, uuid, { vcpus: now.vcpus?.from, memory: now.memory?.from }, signal);
    if (next !== null) await setConfig(host, uuid, next.to, next.from, signal);
  },
});

/** What the next start has: exactly what is asked for, with no more room above it than is asked for too. */
function nextSize(config: DefinitionDescription, asked: Partial<Size>): Size {
  const { vcpus = config.vcpus, memory = config.memory } = asked;
  return {
    vcpus,
    maxVcpus: asked.maxVcpus ?? asked.vcpus ?? config.maxVcpus,
    memory,
    maxMemory: asked.maxMemory ?? asked.memory ?? config.maxMemory,
  };
}

function sizeOf({ vcpus, maxVcpus, memory, maxMemory }: DefinitionDescription): Size {
  return { vcpus, maxVcpus, memory, maxMemory };
}

function isSame(a: Size, b: Size): boolean {
  return (
    a.vcpus === b.vcpus &&
    a.maxVcpus === b.maxVcpus &&
    a.memory === b.memory &&
    a.maxMemory === b.maxMemory
  );
}

async function setLive(
  { hypervisor: { domains } }: HostAgent,
  uuid: string,
  to: { readonly vcpus: number | undefined; readonly memory: number | undefined },
  signal: AbortSignal,
): Promise<void> {
  const scope = "live";
  if (to.vcpus !== undefined) await domains.setVcpus(uuid, to.vcpus, { scope }, signal);
  if (to.memory !== undefined) await domains.setMemory(uuid, bytes(to.memory), { scope }, signal);
}

async function setConfig(
  { hypervisor: { domains } }: HostAgent,
  uuid: string,
  from: Size,
  to: Size,
  signal: AbortSignal,
): Promise<void> {
  const scope = "config";
  const maximum = true;
  // The maximum first: what is above a lower one is lowered with it.
  if (to.maxVcpus !== from.maxVcpus) {
    await domains.setVcpus(uuid, to.maxVcpus, { scope, maximum }, signal);
  }
  if (to.vcpus !== from.vcpus || to.maxVcpus !== from.maxVcpus) {
    await domains.setVcpus(uuid, to.vcpus, { scope }, signal);
  }
  if (to.maxMemory !== from.maxMemory) {
    await domains.setMemory(uuid, bytes(to.maxMemory), { scope, maximum }, signal);
  }
  if (to.memory !== from.memory || to.maxMemory !== from.maxMemory) {
    await domains.setMemory(uuid, bytes(to.memory), { scope }, signal);
  }
}

type Change = { readonly from: number; readonly to: number };

function describeSteps(
  name: string,
  now: { readonly vcpus: Change | null; readonly memory: Change | null },
  next: { readonly from: Size; readonly to: Size } | null,
): string[] {
  const steps: string[] = [];
  if (now.vcpus !== null) {
    const { from, to } = now.vcpus;
    const asked = to < from ? "; the guest must let them go" : "";
    steps.push(`Change the CPUs of the running ${name} from ${from} to ${to}${asked}.`);
  }
  if (now.memory !== null) {
    steps.push(
      `Ask the running guest to make do with ${formatBytes(now.memory.to)}: without a balloon driver it does not.`,
    );
  }
  if (next !== null) {
    const { vcpus, maxVcpus, memory, maxMemory } = next.to;
    steps.push(
      `From its next start on ${name} has ${vcpus} CPU${vcpus === 1 ? "" : "s"} (at most ${maxVcpus}) and ${formatBytes(memory)} of memory (at most ${formatBytes(maxMemory)}).`,
    );
  }
  return steps;
}
