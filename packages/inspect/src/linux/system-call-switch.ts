import { type Gva, gva } from "@casemate/core";

/** Where a system call goes. */
export interface SwitchTarget {
  readonly target: Gva;
  /** The instruction that goes there. */
  readonly from: Gva;
}

/** An instruction as far as it matters here. */
type Instruction =
  | { readonly kind: "nothing"; readonly length: number }
  /** Compares the number with `value`, or takes that from it; a test against itself compares with 0. */
  | {
      readonly kind: "compare" | "subtract";
      readonly length: number;
      readonly value: number;
    }
  | {
      readonly kind: "branch";
      readonly length: number;
      readonly condition: number;
      readonly distance: number;
    }
  | { readonly kind: "jump"; readonly length: number; readonly distance: number }
  | { readonly kind: "call"; readonly length: number; readonly distance: number };

/** A balanced switch of 500 cases compares some 20 times. */
const MAX_INSTRUCTIONS = 256;

/**
 * The code that calls system calls by their number since 6.9 and the fixes of 2024: `x64_sys_call`,
 * `ia32_sys_call` and `x32_sys_call` (arch/x86/entry/syscall_64.c). Compilers make comparisons and jumps of
 * it, with the number in %esi; those are followed here for one number at a time.
 */
export class SystemCallSwitch {
  readonly #at: Gva;
  readonly #bytes: DataView;
  readonly #decoded = new Map<number, Instruction | undefined>();

  /** @param bytes its instructions, all of them. */
  constructor(at: Gva, bytes: Uint8Array) {
    this.#at = at;
    this.#bytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Where system call `number` goes; `undefined` where something is in the way that no compiler puts there. */
  follow(number: number): SwitchTarget | undefined {
    let at = 0;
    let register = number;
    let flags: Flags = { number: 0, value: 0 };
    for (let count = 0; count < MAX_INSTRUCTIONS; count += 1) {
      const instruction = this.#decode(at);
      if (instruction === undefined) return undefined;
      const next = at + instruction.length;
      switch (instruction.kind) {
        case "nothing":
          at = next;
          break;
        case "subtract":
        case "compare":
          flags = { number: register, value: instruction.value };
          if (instruction.kind === "subtract") register = (register - instruction.value) >>> 0;
          at = next;
          break;
        case "branch": {
          const goes = holds(instruction.condition, flags);
          if (goes === undefined) return undefined;
          if (goes && !this.#isInside(next + instruction.distance)) {
            return this.#target(at, next + instruction.distance);
          }
          at = goes ? next + instruction.distance : next;
          break;
        }
        case "jump":
          if (!this.#isInside(next + instruction.distance)) {
            return this.#target(at, next + instruction.distance);
          }
          at = next + instruction.distance;
          break;
        case "call":
          // Tracers are called at the start, before the number is looked at.
          if (at > MAX_PROLOGUE) return this.#target(at, next + instruction.distance);
          at = next;
          break;
      }
    }
    return undefined;
  }

  #isInside(offset: number): boolean {
    return offset >= 0 && offset < this.#bytes.byteLength;
  }

  #target(from: number, offset: number): SwitchTarget {
    return { target: gva(this.#at + BigInt(offset)), from: gva(this.#at + BigInt(from)) };
  }

  #decode(at: number): Instruction | undefined {
    if (!this.#decoded.has(at)) {
      const isNearEnd = at + MAX_LENGTH > this.#bytes.byteLength;
      const found = isNearEnd ? decode(this.#padded(at), 0) : decode(this.#bytes, at);
      // HOSTILE: an instruction that is cut off by the end of the function is none.
      const isWhole = found !== undefined && at + found.length <= this.#bytes.byteLength;
      this.#decoded.set(at, isWhole ? found : undefined);
    }
    return this.#decoded.get(at);
  }

  #padded(at: number): DataView {
    const bytes = new Uint8Array(MAX_LENGTH).fill(INT3);
    const { buffer, byteOffset, byteLength } = this.#bytes;
    bytes.set(new Uint8Array(buffer, byteOffset + at, Math.max(0, byteLength - at)));
    return new DataView(bytes.buffer);
  }
}

/** An instruction has at most 15 bytes. */
const MAX_LENGTH = 16;
const INT3 = 0xcc;
/** ENDBR64 and padding before the call of a tracer. */
const MAX_PROLOGUE = 16;
const ESI = 6;

/** Instructions of the Intel SDM, vol. 2, that compilers put into such functions; `undefined` for others. */
function decode(bytes: DataView, at: number): Instruction | undefined {
  let start = at;
  // Prefixes that change nothing here: operand size of NOPs, segments, REP of PAUSE and ENDBR.
  while ([0x66, 0x2e, 0x3e, 0xf3].includes(bytes.getUint8(start)) && start - at < 6) start += 1;
  const prefixes = start - at;
  const length = (size: number) => prefixes + size;
  const opcode = bytes.getUint8(start);
  const after = bytes.getUint8(start + 1);
  if (opcode >= 0x70 && opcode <= 0x7f) {
    return branch(length(2), opcode & 15, bytes.getInt8(start + 1));
  }
  switch (opcode) {
    case 0x90: // NOP
      return { kind: "nothing", length: length(1) };
    case 0x0f:
      if (after === 0x1f || after === 0x1e) {
        return { kind: "nothing", length: length(2 + operandLength(bytes, start + 2)) };
      }
      return after >= 0x80 && after <= 0x8f
        ? branch(length(6), after & 15, bytes.getInt32(start + 2, true))
        : undefined;
    case 0x83:
      return compare(after, length(3), bytes.getInt8(start + 2) >>> 0);
    case 0x81:
      return compare(after, length(6), bytes.getUint32(start + 2, true));
    case 0x85: // TEST %esi, %esi
      return after === 0xf6 ? { kind: "compare", length: length(2), value: 0 } : undefined;
    case 0xeb:
      return { kind: "jump", length: length(2), distance: bytes.getInt8(start + 1) };
    case 0xe9:
      return { kind: "jump", length: length(5), distance: bytes.getInt32(start + 1, true) };
    case 0xe8:
      return { kind: "call", length: length(5), distance: bytes.getInt32(start + 1, true) };
    default:
      return undefined;
  }
}

/** CMP or SUB of %esi and a number. */
function compare(modRm: number, length: number, value: number): Instruction | undefined {
  if (modRm === (0xf8 | ESI)) return { kind: "compare", length, value };
  return modRm === (0xe8 | ESI) ? { kind: "subtract", length, value } : undefined;
}

function branch(length: number, condition: number, distance: number): Instruction {
  return { kind: "branch", length, condition, distance };
}

/** The length of a ModRM byte and what belongs to it. */
function operandLength(bytes: DataView, at: number): number {
  const modRm = bytes.getUint8(at);
  const mode = modRm >>> 6;
  const register = modRm & 7;
  if (mode === 3) return 1;
  const displacement = mode === 1 ? 1 : mode === 2 ? 4 : register === 5 ? 4 : 0;
  return 1 + (register === 4 ? 1 : 0) + displacement;
}

/** What the processor's flags come from: a number that was compared with another. */
interface Flags {
  readonly number: number;
  readonly value: number;
}

/** Whether a jump with condition code `condition` is taken; `undefined` for those that numbers do not need. */
function holds(condition: number, { number, value }: Flags): boolean | undefined {
  switch (condition) {
    case 0x2: // B
      return number < value;
    case 0x3: // AE
      return number >= value;
    case 0x4: // E
      return number === value;
    case 0x5: // NE
      return number !== value;
    case 0x6: // BE
      return number <= value;
    case 0x7: // A
      return number > value;
    case 0xc: // L
      return (number | 0) < (value | 0);
    case 0xd: // GE
      return (number | 0) >= (value | 0);
    case 0xe: // LE
      return (number | 0) <= (value | 0);
    case 0xf: // G
      return (number | 0) > (value | 0);
    default:
      return undefined;
  }
}
