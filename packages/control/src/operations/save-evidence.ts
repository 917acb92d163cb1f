import { mostPages, pageClasses, pauseLimit } from "@casemate/agent";
import { formatBytes, KiB, MiB } from "@casemate/core";
import { type Allowances, DATA_CLASSES, type DataClass } from "@casemate/inspect";
import { Type } from "typebox";
import { type VmResource, vmResource } from "../spine/gate.ts";
import { defineOperation, type Operation } from "../spine/operation.ts";
import { evidenceDetectors, evidenceViews } from "../watch/evidence/collect-evidence.ts";
import type { EvidenceStore } from "../watch/evidence/evidence-store.ts";
import type { WholeMemory } from "../watch/evidence/put-memory.ts";
import type { Findings } from "../watch/findings/findings.ts";
import { pauseParameter } from "./parts/pause-parameter.ts";
import { refused } from "./parts/refused.ts";
import { readVm } from "./vm-facts.ts";

/** What saving evidence stands on. */
export interface EvidenceService {
  readonly evidence: EvidenceStore;
  readonly findings: Findings;
  /** What is no sign of an attack on a VM. */
  readonly allowancesOf: (vm: VmResource) => Allowances;
}

/** Views of a guest with thousands of processes, and what seals them, in bytes. */
const ROOM = 32 * MiB;
const PAGE = 4 * KiB;

/** Saves what can be seen of a running VM as a bundle that anybody can verify. */
export const saveEvidence = ({ evidence, findings, allowancesOf }: EvidenceService): Operation =>
  defineOperation({
    id: "vm.evidence.save",
    summary: "Save evidence of what runs in a VM",
    on: "vm",
    shared: true,
    parameters: Type.Object(
      {
        findings: Type.Optional(
          Type.Array(Type.String({ pattern: "^[0-9a-f]{8,32}$" }), {
            minItems: 1,
            maxItems: 100,
            description:
              "The findings that it is about, by their ids or how those begin; all that are not closed, unless given.",
          }),
        ),
        all: Type.Optional(
          Type.Boolean({
            description: "Whether what processes and files hold is read too.",
          }),
        ),
        memory: Type.Optional(
          Type.Object(
            {
              pause: Type.Optional(
                pauseParameter(
                  "Has the VM stand still for the last of it, so that it is of one moment.",
                ),
              ),
            },
            {
              additionalProperties: false,
              description: "Takes the whole RAM too, and all that processes and files hold.",
            },
          ),
        ),
      },
      { additionalProperties: false },
    ),
    needs: ({ all, memory }) => [
      "vm.evidence.save",
      ...classesOf({ all, memory }).map((dataClass) => `vm.inspect.${dataClass}`),
      ...(memory === undefined ? [] : ["vm.evidence.memory"]),
      ...(memory?.pause === undefined ? [] : ["vm.inspect.pause"]),
    ],
    async plan({ host, target, parameters, requestId }, signal) {
      const vm = await readVm(host, target, signal);
      const doing = `save evidence of ${vm.name}`;
      if (vm.runId === undefined) {
        throw refused(doing, `it is ${vm.state}`, "it to run or to be paused");
      }
      const classes = classesOf(parameters);
      const memory = planMemory(parameters);
      const diskBytes = ROOM + (memory === null ? 0 : vm.maxMemory);
      await evidence.verifyRoom(diskBytes);
      const about = await findAll(findings, doing, vm.uuid, parameters.findings);
      const what =
        about === undefined ? "all findings that are not closed" : `findings ${about.join(", ")}`;
      const isPaused = memory !== null && memory.pauseLimit !== null;
      return {
        steps: [
          ...(memory === null ? [] : describeMemory(memory, vm)),
          `Look into the memory of ${vm.name} (${classes.join(", ")}) and at the kernel on its disks: ${evidenceDetectors(classes).join(", ")}.`,
          `Read the views ${evidenceViews(classes).join(", ")}.`,
          `Read pages of its kernel's memory that the evidence of ${what} names, ${formatBytes(mostPages * PAGE)} at most.`,
          isPaused ? "Nothing in the guest is changed." : "The guest is not touched.",
          `Keep it as evidence ${requestId}, with its hash in the ledger.`,
        ],
        effects: [
          { kind: "memory", id: vm.uuid, change: "read" },
          ...(isPaused ? [{ kind: "vm", id: vm.uuid, change: "interrupted" } as const] : []), // literals
          { kind: "file", id: `evidence/${requestId}.tar`, change: "created" },
        ],
        irreversible: [],
        destroysState: false,
        downtime: isPaused,
        diskBytes,
        details: {
          ...{ uuid: vm.uuid, runId: vm.runId, evidence: requestId },
          classes: [...classes],
          findings: about === undefined ? null : [...about],
          memory,
        },
      };
    },
    async execute({ host, plan: { details }, actor, progress }, signal) {
      const { uuid, evidence: id, findings: about } = details;
      const vm = vmResource(await host.hypervisor.domains.find(uuid, signal), host);
      const order = {
        ...{ id, vm, host, actor, runId: String(details.runId) },
        classes: details.classes,
        findings: about ?? undefined,
        memory: details.memory ?? undefined,
        allowances: allowancesOf(vm),
      };
      await evidence.save(order, progress, signal);
    },
    async look({ plan: { details } }) {
      const { evidence: id } = details;
      switch (await evidence.stateOf(id)) {
        case "saved": {
          const { manifest, bytes = 0 } = await evidence.get(id);
          return { kind: "done", result: { evidence: id, manifest, bytes } };
        }
        case "partial":
          return { kind: "partial", what: "a bundle that is not sealed" };
        case "absent":
          return { kind: "undone" };
      }
    },
    async undo({ plan: { details } }) {
      await evidence.discard(details.evidence);
    },
  });

interface Wanted {
  readonly all?: boolean | undefined;
  readonly memory?: { readonly pause?: { readonly limit?: number } } | undefined;
}

/** The whole RAM is all that there is. */
function classesOf({ all = false, memory }: Wanted): readonly DataClass[] {
  return all || memory !== undefined ? DATA_CLASSES : pageClasses;
}

function planMemory({ memory }: Wanted): WholeMemory | null {
  if (memory === undefined) return null;
  const { pause } = memory;
  return { pauseLimit: pause === undefined ? null : (pause.limit ?? pauseLimit.standard) };
}

function describeMemory(
  { pauseLimit: limit }: WholeMemory,
  { name, maxMemory }: { readonly name: string; readonly maxMemory: number },
): readonly string[] {
  return [
    `Copy the whole RAM of ${name}, ${formatBytes(maxMemory)}, while it runs, and once more what changed meanwhile.`,
    limit === null
      ? "Where it still changes, the copy is of no one moment, and says so."
      : `Pause ${name} for the last of that, for ${limit} ms at most; what takes longer is of no one moment, and says so.`,
  ];
}

/** The whole ids of the findings; undefined where none were named. Throws `finding/unknown`, `operation/refused`. */
async function findAll(
  findings: Findings,
  doing: string,
  uuid: string,
  ids: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  if (ids === undefined) return undefined;
  const found = await Promise.all(ids.map((id) => findings.get(id)));
  const other = found.find(({ vm }) => vm.uuid !== uuid);
  if (other === undefined) return [...new Set(found.map(({ id }) => id))];
  throw refused(doing, `finding ${other.id} is of ${other.vm.name}`, "its own");
}
