import { formatAddress, type Gva, gva } from "@casemate/core";
import { disassemble } from "../code/disassemble.ts";
import type { Evidence } from "../suspicion.ts";
import type { PageDifference } from "./page-differences.ts";

/** Of a change so many bytes are shown. */
const MAX_BYTES = 32;
/** Of each side of a change so many instructions are shown. */
const MAX_LINES = 8;
/** Bytes behind a change that the instructions at its end may reach into. */
const LONGEST_INSTRUCTION = 15;

/** A page of code, as it should be and as it is. */
export interface ChangedPage {
  /** Where its first byte is for the process, or in the file. */
  readonly at: Gva;
  readonly expected: Uint8Array;
  readonly seen: Uint8Array;
}

/** The bytes of one change, and what they do as code. */
export function describeChange(
  { at, expected, seen }: ChangedPage,
  { start, end }: PageDifference,
): Pick<Evidence, "expectedBytes" | "seenBytes" | "disassembly"> {
  const shown = Math.min(end, start + MAX_BYTES);
  const place = gva(at + BigInt(start));
  const lines = (sign: string, page: Uint8Array) => {
    const found: string[] = [];
    const code = page.subarray(start, shown + LONGEST_INSTRUCTION);
    for (const { offset, text } of disassemble(code, place, () => undefined)) {
      if (start + offset >= shown || found.length === MAX_LINES) break;
      found.push(`${sign} ${formatAddress(gva(place + BigInt(offset)))}: ${text}`);
    }
    return found;
  };
  return {
    expectedBytes: Buffer.from(expected.subarray(start, shown)).toString("hex"),
    seenBytes: Buffer.from(seen.subarray(start, shown)).toString("hex"),
    disassembly: [...lines("-", expected), ...lines("+", seen)],
  };
}
