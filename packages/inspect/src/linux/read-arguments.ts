import { type Gva, gva } from "@casemate/core";
import { decodeText } from "../decode-text.ts";
import type { Access } from "../kernel/data-class.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** Strings out of a process's memory. HOSTILE: the process may have written anything there. */
export interface UserStrings {
  readonly strings: readonly string[];
  /** How many bytes at the end are not in RAM, or too many to be read. */
  readonly missingBytes: number;
}

/** Linux gives arguments and environment together a quarter of the stack, 8 MiB by default. */
const MAX_BYTES = 2 * 1024 * 1024;
/** What a process writes over its arguments may go on for a page (`get_mm_proctitle`). */
const MAX_TITLE = 4096;

/**
 * Reads the arguments of the process of an `mm_struct`, or the title it wrote over them, as
 * /proc/PID/cmdline shows them: `get_mm_cmdline`.
 */
export function readArguments(
  access: Access<"kernelMetadata" | "userMemory">,
): Accessor<UserStrings> {
  const mm = access.kernel.struct("mm_struct");
  const start = mm.pointer("arg_start");
  const end = mm.pointer("arg_end");
  const envEnd = mm.pointer("env_end");
  return (at) => {
    const first = start(at);
    const last = end(at);
    if (last > first) {
      // Without the NUL at its end somebody has written over it: one string, into the environment.
      const [ending] = access.user.open(at).bytes(gva(last - 1n), 1);
      if (ending !== undefined && ending !== 0) {
        const limit = Math.max(Number(last - first), Number(envEnd(at) - first));
        const length = Math.min(limit, MAX_TITLE);
        const bytes = access.user.open(at).bytes(first, length);
        return { strings: [decodeText(bytes)], missingBytes: 0 };
      }
    }
    return readStrings(access, at, first, last);
  };
}

/** Reads the environment of the process of an `mm_struct` as it was given when it started: /proc/PID/environ. */
export function readEnvironment(
  access: Access<"kernelMetadata" | "userMemory">,
): Accessor<UserStrings> {
  const mm = access.kernel.struct("mm_struct");
  const start = mm.pointer("env_start");
  const end = mm.pointer("env_end");
  return (at) => readStrings(access, at, start(at), end(at));
}

function readStrings(
  { kernel, user }: Access<"kernelMetadata" | "userMemory">,
  mm: Gva,
  start: Gva,
  end: Gva,
): UserStrings {
  // HOSTILE: a process may set both ends.
  const length = end > start ? Number(end - start) : 0;
  const bytes = user.open(mm).bytes(start, Math.min(length, MAX_BYTES));
  const strings: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    kernel.budget.step();
    const nul = bytes.indexOf(0, at);
    const next = nul < 0 ? bytes.length : nul;
    strings.push(decodeText(bytes.subarray(at, next)));
    at = next + 1;
  }
  return { strings, missingBytes: length - bytes.length };
}
