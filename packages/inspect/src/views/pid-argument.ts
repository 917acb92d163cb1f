import { CasemateError } from "@casemate/core";
import type { ViewArgument } from "./define-view.ts";

/** The last pid there can be: `PID_MAX_LIMIT` (include/linux/threads.h) on 64 bits. */
const MAX_PID = 4 * 1024 * 1024;

function parsePid(text: string): number {
  const pid = /^[1-9]\d{0,6}$/.test(text) ? Number(text) : 0;
  if (pid > 0 && pid <= MAX_PID) return pid;
  throw new CasemateError(
    "usage",
    `Cannot look for process ${text}: expected a number from 1 to ${MAX_PID}.`,
  );
}

/** A process, as the initial PID namespace counts. */
export const pidArgument: ViewArgument<number> = {
  name: "PID",
  description: "the process id, as the guest counts",
  required: true,
  parse: parsePid,
};

/** As `pidArgument`; all processes where it is left out. */
export const optionalPidArgument: ViewArgument<number | undefined> = {
  ...pidArgument,
  required: false,
};
