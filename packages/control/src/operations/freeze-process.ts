import { defineProcessOperation } from "./parts/process-operation.ts";

/** Makes one process of a running guest stand still. */
export const freezeProcess = defineProcessOperation({
  id: "vm.process.freeze",
  summary: "Make one process of a guest stand still",
  signal: "freeze",
  verb: "freeze",
  steps: () => [
    "It stands still by SIGSTOP and keeps its memory, files and connections.",
    "Whoever may signal it in the guest can have it go on.",
  ],
  irreversible: [],
  needless: ({ states }) =>
    states.every((state) => state === "T") ? "it stands still already" : undefined,
  isDone: (process) => process?.states.every((state) => state === "T" || state === "t") ?? false,
  undoneBy: "thaw",
});
