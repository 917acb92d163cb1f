import { Type } from "typebox";
import { defineResponse, type Response } from "./response.ts";

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

/** Everything that rules can have done, each as an operation of the spine. */
export const responses: readonly Response[] = [pause, isolate, snapshot, stop, kill, restore];
