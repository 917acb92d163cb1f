import { formatAddress, type Gva, gva, type NonEmpty } from "@casemate/core";
import { formatSymbol } from "../../linux/symbolize.ts";
import type { Evidence, Suspicion } from "../suspicion.ts";
import { disassemble } from "./disassemble.ts";
import { branchTarget } from "./encode-branch.ts";
import type { KernelState } from "./kernel-state.ts";
import type { Deviation, WatchedCode } from "./watched-code.ts";

export const REMEDIATION =
  "Save the guest's memory as evidence, isolate it, and start it again from a state known to be clean.";

/** How far before a difference its function may begin. */
const MAX_FUNCTION = 64 * 1024;
/** Of each side of a difference so many instructions are shown. */
const MAX_LINES = 8;
/** Bytes behind a difference that the instructions at its end may reach into. */
const LONGEST_INSTRUCTION = 15;
const MAX_BYTES = 64;
/** HOSTILE: of a function that differs everywhere so many places are shown. */
const MAX_PLACES = 8;

/**
 * A suspicion for each function of `where` whose code differs.
 *
 * @param than what it is held against, as `what its file says`
 */
export function describeDeviations(
  deviations: readonly Deviation[],
  code: WatchedCode,
  live: Uint8Array,
  where: string,
  state: KernelState,
  than = "what its file says",
): readonly Suspicion[] {
  const { symbolize } = state;
  const nameOf = (address: Gva) => {
    const symbol = symbolize(address);
    return symbol === undefined ? undefined : formatSymbol(symbol);
  };
  const functions = new Map<string, Deviation[]>();
  for (const deviation of deviations) {
    const at = state.gva(deviation.at);
    const symbol = symbolize(at);
    const start = symbol === undefined ? at : gva(at - BigInt(symbol.offset));
    const name = symbol?.name || formatAddress(start);
    functions.set(name, [...(functions.get(name) ?? []), deviation]);
  }
  return [...functions].flatMap(([name, all]) => {
    const [first] = all;
    if (first === undefined) return [];
    const at = state.gva(first.at);
    const evidence = all.slice(0, MAX_PLACES).map((deviation) => {
      const offset = symbolize(state.gva(deviation.at))?.offset ?? 0;
      return describe(deviation, offset, code, live, state, nameOf);
    });
    const [head, ...tail] = evidence;
    if (head === undefined) return [];
    const target = branchTarget(first.seen, first.at);
    const leads = target === undefined ? undefined : state.gva(target);
    const to =
      leads === undefined
        ? ""
        : ` and leads to ${nameOf(leads) ?? `${formatAddress(leads)}, which is nobody's code`}`;
    const all_: NonEmpty<Evidence> = [head, ...tail];
    return [
      {
        key: `code of ${name} at ${formatAddress(at)}`,
        title: `The code of ${name} in ${where} is not ${than}${to}.`,
        severity: "critical" as const,
        because:
          first.site === undefined
            ? "Nothing in the kernel changes code there: who does decides what the kernel does."
            : `The kernel changes code there (${first.site}), but not to this.`,
        techniques: ["T1014", "T1601"] as const,
        evidence: all_,
        remediation: REMEDIATION,
      },
    ];
  });
}

function describe(
  { at, expected, seen, site }: Deviation,
  inFunction: number,
  code: WatchedCode,
  live: Uint8Array,
  state: KernelState,
  nameOf: (address: Gva) => string | undefined,
): Evidence {
  const place = state.gva(at);
  const offset = at - code.start;
  const back = Math.min(inFunction, offset, MAX_FUNCTION);
  const length = Math.min(expected.length + LONGEST_INSTRUCTION, code.length - offset);
  // The code before it tells where instructions begin.
  const before = code.expected(at - back, back + length);
  const from = instructionStart(before, state.gva(at - back), back);
  const start = at - back + from;
  const size = back - from + length;
  const now = live.slice(start - code.start, start - code.start + size);
  now.set(seen.subarray(0, size), at - start);
  const lines = (sign: string, bytes: Uint8Array) => {
    const found: string[] = [];
    const limit = at - start + expected.length;
    for (const { offset, text } of disassemble(bytes, state.gva(start), nameOf)) {
      if (offset >= limit || found.length === MAX_LINES) break;
      found.push(`${sign} ${formatAddress(gva(state.gva(start) + BigInt(offset)))}: ${text}`);
    }
    return found;
  };
  return {
    what: `code at ${nameOf(place) ?? formatAddress(place)}${site === undefined ? "" : ` (${site})`}`,
    address: formatAddress(place),
    expectedBytes: Buffer.from(expected.subarray(0, MAX_BYTES)).toString("hex"),
    seenBytes: Buffer.from(seen.subarray(0, MAX_BYTES)).toString("hex"),
    disassembly: [...lines("-", before.subarray(from)), ...lines("+", now)],
  };
}

/** Where the instruction begins that the byte `target` of `bytes` is part of. */
function instructionStart(bytes: Uint8Array, at: Gva, target: number): number {
  let start = 0;
  for (const { offset } of disassemble(bytes, at, () => undefined)) {
    if (offset > target) break;
    start = offset;
  }
  return start;
}
