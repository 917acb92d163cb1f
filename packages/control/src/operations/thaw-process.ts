import { defineProcessOperation } from "./parts/process-operation.ts";

/** Has a process of a running guest go on that stands still. */
export const thawProcess = defineProcessOperation({
  id: "vm.process.thaw",
  summary: "Have one process of a guest go on",
  signal: "thaw",
  verb: "thaw",
  steps: () => ["It goes on by SIGCONT from where it was stopped."],
  irreversible: [],
  needless: ({ states }) =>
    states.some((state) => state === "T") ? undefined : "it does not stand still",
  isDone: (process) => process?.states.every((state) => state !== "T") ?? false,
});
