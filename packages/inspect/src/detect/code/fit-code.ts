import { toCasemateError } from "@casemate/core";
import type { CodeAddress } from "@casemate/formats/kernel-code";
import type { CodePlaces } from "./code-places.ts";
import { CALL, JMP } from "./encode-branch.ts";
import { isDataAddress } from "./is-data-address.ts";
import type { KernelState } from "./kernel-state.ts";

/** Code as it is in a guest's memory, copied, and what there is to know to compare it with another's. */
export interface CodeCopy {
  readonly start: CodeAddress;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly state: KernelState;
  readonly places: CodePlaces;
}

const PIECE = 4096;
/** HOSTILE: a guest of other code must not keep one from being compared. What is switched on or off has less. */
const MAX_UNLIKE = 256 * 1024;
/** How far into an operand the first byte is that differs: kernels are moved by multiples of 2 MiB. */
const LIKELY = [2, 3, 0, 1] as const;
/** What an instruction may have behind a displacement: nothing, or an immediate of 1, 2 or 4 bytes. */
const BEHIND = [0, 1, 4, 2] as const;
/** Variables that the kernel writes into its own code when it starts (RUNTIME_CONST in vmlinux.lds.h, since 6.11). */
const CONSTANTS = ["d_hash_shift", "__futex_shift", "__futex_mask"] as const;
/** `__START_KERNEL_map` (arch/x86/include/asm/page_64_types.h). */
const KERNEL_MAP: CodeAddress = -(2 ** 31);
/** `jmp *%reg`. */
const THUNK = /^(41)?ffe[0-7]/;
const THUNK_BYTES = 3;

/**
 * The code of `other` as it would be in the guest of `own`: both are of one build, but lie elsewhere, and what
 * they refer to does. Where they differ for that reason, or by a constant that their starts chose, it is as
 * `own` has it; where they differ otherwise, as `other` has it.
 *
 * `undefined` where so much differs that it is other code. HOSTILE: both. An operand counts only if it leads to the very same place in both guests.
 */
export function fitCode(own: CodeCopy, other: CodeCopy): Uint8Array<ArrayBuffer> | undefined {
  const { bytes } = own;
  const theirs = other.bytes;
  const fitted = new Uint8Array(theirs);
  const fit = new Fit(own, other);
  let unlike = 0;
  for (let from = 0; from < bytes.length; from += PIECE) {
    const end = Math.min(from + PIECE, bytes.length);
    if (Buffer.compare(bytes.subarray(from, end), theirs.subarray(from, end)) === 0) continue;
    own.state.kernel.budget.step();
    for (let at = from; at < end; at += 1) {
      if (bytes[at] === theirs[at]) continue;
      const same = fit.operandAt(at);
      if (same === undefined) {
        unlike += 1;
        if (unlike > MAX_UNLIKE) return undefined;
        continue;
      }
      for (let i = same.start; i < same.end; i += 1) fitted[i] = bytes[i] ?? 0;
      at = same.end - 1;
    }
  }
  return fitted;
}

interface Operand {
  readonly start: number;
  readonly end: number;
}

/** Finds operands that mean the same in both. */
class Fit {
  readonly #own: CodeCopy;
  readonly #other: CodeCopy;
  readonly #ownView: DataView;
  readonly #otherView: DataView;
  readonly #constants: readonly (readonly [own: number, other: number])[];

  constructor(own: CodeCopy, other: CodeCopy) {
    this.#own = own;
    this.#other = other;
    this.#ownView = viewOf(own.bytes);
    this.#otherView = viewOf(other.bytes);
    const moved = [own, other].map(({ state }) => state.kernel.facts.kaslrOffset);
    this.#constants = [
      moved,
      ...CONSTANTS.map((name) => [own, other].map(({ state }) => wordAt(state, name))),
    ].flatMap(([one, two]) =>
      one === undefined || two === undefined ? [] : [[one, two] as const],
    ); // a pair
  }

  /** The operand that the byte at `at`, which differs, is part of; `undefined` where it is none. */
  operandAt(at: number): Operand | undefined {
    const { length } = this.#own.bytes;
    for (const before of LIKELY) {
      const start = at - before;
      if (start < 0 || start + 4 > length) continue;
      if (this.#isSameWord(start)) return { start, end: start + 4 };
    }
    for (let start = at; start > at - 8 && start >= 2; start -= 1) {
      if (start + 8 <= length && this.#isDataAddress(start)) return { start, end: start + 8 };
    }
    if (this.#isShift(at)) return { start: at, end: at + 1 };
    for (let start = at; start > at - 4 && start >= 1; start -= 1) {
      if (start + 4 <= length && this.#isSameThunk(start)) return { start, end: start + 4 };
    }
    return undefined;
  }

  #isSameWord(start: number): boolean {
    const own = this.#ownView.getInt32(start, true);
    const other = this.#otherView.getInt32(start, true);
    const { places, start: base } = this.#own;
    const { places: there, start: otherBase } = this.#other;
    if (places.isSame(own, there, other)) return true;
    const next = start + 4;
    const [from, otherFrom] = [base + next, otherBase + next];
    const isRelative = BEHIND.some((behind) =>
      places.isSame((from + own + behind) | 0, there, (otherFrom + other + behind) | 0),
    );
    if (isRelative) return true;
    if (this.#constants.some(([one, two]) => one === own && two === other)) return true;
    // Before the kernel is mapped where it will be: an offset from there.
    return places.isSame((own + KERNEL_MAP) | 0, there, (other + KERNEL_MAP) | 0);
  }

  /** Whether both lead to a thunk that was made for them, and does the same (`its_allocate_thunk`). */
  #isSameThunk(start: number): boolean {
    const opcode = this.#own.bytes[start - 1];
    if (opcode !== CALL && opcode !== JMP) return false;
    const own = (this.#own.start + start + 4 + this.#ownView.getInt32(start, true)) | 0;
    const other = (this.#other.start + start + 4 + this.#otherView.getInt32(start, true)) | 0;
    if (!this.#own.places.isElsewhere(own) || !this.#other.places.isElsewhere(other)) return false;
    const seen = thunkAt(this.#own.state, own);
    return seen !== undefined && seen === thunkAt(this.#other.state, other);
  }

  /** The address of data in `movabs $address, %reg`, which the start of each kernel chose. */
  #isDataAddress(start: number): boolean {
    const [rex = 0, opcode = 0] = this.#own.bytes.subarray(start - 2);
    if ((rex & 0xfe) !== 0x48 || (opcode & 0xf8) !== 0xb8) return false;
    const addresses = [this.#ownView, this.#otherView].map((view) =>
      view.getBigUint64(start, true),
    );
    return addresses.every(isDataAddress);
  }

  /** The count of `shr $count, %reg`. */
  #isShift(at: number): boolean {
    const { bytes } = this.#own;
    if (at < 2 || bytes[at - 2] !== 0xc1 || ((bytes[at - 1] ?? 0) & 0xf8) !== 0xe8) return false;
    return this.#constants.some(
      ([own, other]) => (own & 0xff) === bytes[at] && (other & 0xff) === this.#other.bytes[at],
    );
  }
}

/** `jmp *%reg` at an address, hexadecimal; `undefined` for anything else, as where a guess led to no memory. */
function thunkAt(state: KernelState, at: CodeAddress): string | undefined {
  if (at >= 0) return undefined;
  try {
    const bytes = state.kernel.memory.bytes(state.gva(at), THUNK_BYTES);
    return THUNK.exec(Buffer.from(bytes).toString("hex"))?.[0];
  } catch (thrown) {
    if (toCasemateError(thrown).code === "kernel/damaged") return undefined;
    throw thrown;
  }
}

function wordAt(state: KernelState, name: string): number | undefined {
  const at = state.symbol(name);
  return at === undefined ? undefined : state.kernel.memory.u32(state.gva(at)) | 0;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): DataView =>
  new DataView(buffer, byteOffset, byteLength);
