import { type Gva, gva } from "@casemate/core";
import { decodeText } from "../decode-text.ts";
import type { Access } from "../kernel/data-class.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** Strings out of a process's memory. HOSTILE: the process may have written anything there. */
export interface UserStrings {
  readonly strings: readonly string[];
  /** How many bytes are not in RAM, or too many to be read. */
  readonly missingBytes: number;
}

/** Linux gives arguments and environment together a quarter of the stack, 8 MiB by default. */
const MAX_BYTES = 2 * 1024 * 1024;
/** Of one string; Linux allows 128 KiB (`MAX_ARG_STRLEN`). */
const MAX_STRING = 32 * 1024;
/** Of all processes of one look together; after that each shows its first page. */
const MAX_TOTAL = 16 * 1024 * 1024;
const FIRST_PAGE = 4096;
/** What an array takes for a string, besides its text. */
const STRING_COST = 64;
/** Text that costs as much as one step of a walk, in bytes. */
const TEXT_PER_STEP = 128;
/** What a process writes over its arguments may go on for a page (`get_mm_proctitle`). */
const MAX_TITLE = 4096;

/**
 * Reads the arguments of the process of an `mm_struct`, or the title it wrote over them, as
 * /proc/PID/cmdline shows them: `get_mm_cmdline`. Make one for each look: it counts what all take together.
 */
export function readArguments(
  access: Access<"kernelMetadata" | "userMemory">,
): Accessor<UserStrings> {
  const mm = access.kernel.struct("mm_struct");
  const start = mm.pointer("arg_start");
  const end = mm.pointer("arg_end");
  const envEnd = mm.pointer("env_end");
  const read = stringReader(access);
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
    return read(at, first, last);
  };
}

/**
 * Reads the environment of the process of an `mm_struct` as it was given when it started, /proc/PID/environ: all
 * of it, or the variables whose names begin with `prefix`.
 */
export function readEnvironment(
  access: Access<"kernelMetadata" | "userMemory">,
  prefix = "",
): Accessor<UserStrings> {
  const mm = access.kernel.struct("mm_struct");
  const start = mm.pointer("env_start");
  const end = mm.pointer("env_end");
  const read = stringReader(access, Buffer.from(prefix, "latin1"));
  return (at) => read(at, start(at), end(at));
}

function stringReader(
  { kernel, user }: Access<"kernelMetadata" | "userMemory">,
  prefix: Uint8Array = new Uint8Array(),
): (mm: Gva, start: Gva, end: Gva) => UserStrings {
  let left = MAX_TOTAL;
  return (mm, start, end) => {
    // HOSTILE: a process may set both ends, and none may take what the others need.
    const length = end > start ? Number(end - start) : 0;
    const limit = Math.max(FIRST_PAGE, Math.min(left, MAX_BYTES));
    const bytes = user.open(mm).bytes(start, Math.min(length, limit));
    kernel.budget.step(Math.ceil(bytes.length / TEXT_PER_STEP));
    const strings: string[] = [];
    let missingBytes = length - bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const nul = bytes.indexOf(0, at);
      const next = nul < 0 ? bytes.length : nul;
      const shown = Math.min(next, at + MAX_STRING);
      if (prefix.every((byte, i) => bytes[at + i] === byte)) {
        strings.push(decodeText(bytes.subarray(at, shown)));
      }
      missingBytes += next - shown;
      at = next + 1;
    }
    left -= bytes.length + strings.length * STRING_COST;
    return { strings, missingBytes };
  };
}
