import type { GuestProcess } from "@casemate/agent";
import { Type } from "typebox";
import { refused } from "./refused.ts";

/** The guest's first process: what ends it ends the guest, and all others descend from it. */
const INIT = 1;

/** What says which process an operation is about. */
export const processParameters = Type.Object(
  {
    pid: Type.Integer({ minimum: 1, maximum: 4_194_304, description: "As the guest counts." }),
    started: Type.Optional(
      Type.String({
        pattern: "^\\d{1,12}\\.\\d\\d$",
        description:
          "When it started, in seconds since the guest's boot, as findings name it (1084.55): no other process is meant that has the number since.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Which process it is, in sentences for a plan. */
export function describeProcess(found: GuestProcess): string[] {
  const { pid, name, uid, started, executable, hiddenFrom } = found;
  return [
    `Process ${pid} is ${name}, of user ${uid}, started ${started} s after the guest's boot, from ${executable ?? "no file"}.`,
    ...(hiddenFrom.length === 0 ? [] : [`It is hidden: not in ${hiddenFrom.join(", ")}.`]),
  ];
}

/** Throws `operation/refused` for the guest's first process, for which there is `instead`, and for the kernel's own. */
export function verifyProgram(
  doing: string,
  { pid, kernelThread }: GuestProcess,
  instead: string,
): void {
  if (pid === INIT) {
    const why = "it is the guest's first process, which all others descend from";
    throw refused(doing, why, "another", instead);
  }
  if (kernelThread) throw refused(doing, "it is a thread of the kernel", "a program");
}
