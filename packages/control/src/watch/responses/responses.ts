import { Type } from "typebox";
import type { Finding } from "../findings/finding.ts";
import { defineResponse, type Response, type ResponseOrder } from "./response.ts";

const closed = { additionalProperties: false } as const;

const pause = defineResponse({
  id: "pause",
  summary: "the VM stands still, its memory stays",
  parameters: Type.Object({}, closed),
  order: () => ({ operation: "vm.pause", parameters: {} }),
});

const snapshot = defineResponse({
  id: "snapshot",
  summary: "a state of the VM is kept as evidence, with its memory unless said",
  parameters: Type.Object({ memory: Type.Optional(Type.Boolean()) }, closed),
  order: ({ id, detector, openedBy }, { memory = true }) => ({
    operation: "vm.snapshot",
    parameters: {
      name: `finding-${id.slice(0, 12)}-${openedBy}`,
      description: `Kept for finding ${id} of ${detector}.`,
      memory,
    },
  }),
});

const isolate = defineResponse({
  id: "isolate",
  summary: "the VM is taken off the network, but for a forensic channel where one is named",
  parameters: Type.Object(
    {
      keep: Type.Optional(Type.String({ maxLength: 64 })),
      via: Type.Optional(Type.String({ maxLength: 45 })),
    },
    closed,
  ),
  order: (_finding, parameters) => ({ operation: "vm.isolate", parameters }),
});

const evidence = defineResponse({
  id: "save-evidence",
  summary: "what can be seen of the VM is saved as a bundle that can be verified elsewhere",
  parameters: Type.Object({}, closed),
  order: ({ id }) => ({ operation: "vm.evidence.save", parameters: { findings: [id] } }),
});

const stop = defineResponse({
  id: "stop",
  summary: "the guest is asked to shut down",
  parameters: Type.Object({}, closed),
  order: () => ({ operation: "vm.stop", parameters: {} }),
});

const kill = defineResponse({
  id: "kill",
  summary: "the VM is stopped by force",
  parameters: Type.Object({}, closed),
  order: () => ({ operation: "vm.kill", parameters: {} }),
});

const restore = defineResponse({
  id: "restore",
  summary: "the VM goes back to a snapshot",
  parameters: Type.Object({ snapshot: Type.String({ minLength: 1, maxLength: 255 }) }, closed),
  order: (_finding, { snapshot: name }) => ({
    operation: "vm.restore",
    parameters: { snapshot: name },
  }),
});

const notify = defineResponse({
  id: "notify",
  summary: "these channels are told of it, and no others",
  parameters: Type.Object(
    {
      channels: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        minItems: 1,
        maxItems: 20,
      }),
    },
    closed,
  ),
  order: (_finding, { channels }) => ({ channels }),
});

const revert = defineResponse({
  id: "revert",
  summary: "the VM goes back to the last of its snapshots that is known clean",
  parameters: Type.Object({}, closed),
  order: () => ({ operation: "vm.revert", parameters: {} }),
});

const killProcess = defineResponse({
  id: "kill-process",
  summary: "the process that the finding is about ends, by a signal of the guest's own kernel",
  parameters: Type.Object({}, closed),
  order: (finding) => orderOfProcess("vm.process.kill", finding),
});

const freezeProcess = defineResponse({
  id: "freeze-process",
  summary: "the process that the finding is about stands still, and the guest goes on",
  parameters: Type.Object({}, closed),
  order: (finding) => orderOfProcess("vm.process.freeze", finding),
});

const cutProcess = defineResponse({
  id: "cut-process",
  summary: "the process that the finding is about is taken off the network, and the guest goes on",
  parameters: Type.Object({}, closed),
  order: (finding) => orderOfProcess("vm.process.cut", finding),
});

/** As detectors name processes: `TaskIdentity.describe`. HOSTILE: the rest of the key is the guest's. */
const namedProcess = /^process (\d{1,7}) started at (\d{1,12}\.\d\d)(?!\d)/;

function orderOfProcess(operation: string, { details }: Finding): ResponseOrder {
  const [, pid, started] = namedProcess.exec(details?.key ?? "") ?? [];
  if (pid === undefined || started === undefined) {
    return { refused: "The finding is about no process, expected one that it names." };
  }
  return { operation, parameters: { pid: Number(pid), started } };
}

/** Everything that rules can have done, but `notify` each as an operation of the spine. */
export const responses: readonly Response[] = [
  notify,
  pause,
  isolate,
  snapshot,
  evidence,
  cutProcess,
  freezeProcess,
  killProcess,
  stop,
  kill,
  restore,
  revert,
];
