import { defineProcessOperation } from "./parts/process-operation.ts";

/** Ends one process of a running guest, as its own kernel would. */
export const killProcess = defineProcessOperation({
  id: "vm.process.kill",
  summary: "End one process of a guest",
  signal: "kill",
  verb: "end",
  steps: ({ states, brokenLinks }) => [
    ...(brokenLinks === 0
      ? []
      : [
          `Put it on ${brokenLinks === 1 ? "the list" : `the ${brokenLinks} lists`} of the kernel that it was taken off: the kernel takes it off there as it ends.`,
        ]),
    `It ends by SIGKILL${states.length === 1 ? "" : `, all its ${states.length} threads`}; its parent is told, and what it started goes on.`,
  ],
  irreversible: ["What the process had in its memory is lost."],
  needless: () => undefined,
  // One that its parent has not heard of yet (Z) has ended.
  isDone: (process) =>
    process === undefined || process.states.every((state) => state === "Z" || state === "X"),
});
