import type { Gva } from "@casemate/core";
import type { CodeAddress } from "@casemate/formats/kernel-code";
import { returnThunks } from "./apply-boot-patches.ts";
import { CALL, encodeBranch, JMP, JMP_SHORT } from "./encode-branch.ts";
import type { ExpectedCode } from "./expected-code.ts";
import type { KernelState } from "./kernel-state.ts";
import { oneNoOperation } from "./no-operations.ts";
import type { PatchSites } from "./patch-sites.ts";
import { branchLength, jumpLength } from "./site-index.ts";

interface Jump {
  readonly at: CodeAddress;
  readonly length: 2 | 5;
  readonly target: CodeAddress;
  readonly branch: boolean;
}

interface JumpKey {
  readonly at: Gva;
  readonly jumps: Jump[];
  on: boolean | undefined;
}

type CallForm = "call" | "tail" | "conditional tail" | "trampoline";

interface Call {
  readonly at: CodeAddress;
  readonly form: CallForm;
  /** The condition of a conditional one, as it is encoded. */
  readonly condition: number;
}

interface CallKey {
  readonly at: Gva;
  readonly calls: Call[];
  target: CodeAddress | undefined;
}

const RET = [0xc3, 0xcc, 0xcc, 0xcc, 0xcc];
/** What returns 0 is not called: `data16 data16 xor %rax,%rax`, in newer kernels `cs cs cs xor %eax,%eax`. */
const XOR_RAX = [0x66, 0x66, 0x48, 0x31, 0xc0];
const XOR_EAX = [0x2e, 0x2e, 0x2e, 0x31, 0xc0];
/** `ud1 (%edx),%rdi`: what warns is not called, its trap is here. */
const WARN_TRAP = [0x67, 0x48, 0x0f, 0xb9, 0x3a];
/** `ds ds movb $0, (%rdi)`: since 7.3, to unlock as the bare machine does. */
const UNLOCK = [0x3e, 0x3e, 0xc6, 0x07, 0x00];

/** A static call that leads to no function. */
export interface StrayCall {
  /** Its `struct static_call_key`. */
  readonly key: Gva;
  readonly target: CodeAddress;
}

/** Code that static keys and static calls switch, kept as the guest's memory says that they are switched. */
export class CodeSwitches {
  readonly #code: ExpectedCode;
  readonly #jumpKeys: readonly JumpKey[];
  readonly #callKeys: Map<CodeAddress, CallKey>;
  /** Functions that they lead to, for as long as the modules are the same. */
  readonly #sound = new Set<CodeAddress>();
  #modules = "";

  /** @param code as its file has it. */
  constructor(code: ExpectedCode, sites: PatchSites, state: KernelState) {
    this.#code = code;
    const jumpKeys = new Map<CodeAddress, JumpKey>();
    for (const { at, target, key, branch } of sites.jumps) {
      if (!code.has(at, 2)) continue;
      const known = jumpKeys.get(key) ?? { at: state.gva(key), jumps: [], on: undefined };
      jumpKeys.set(key, known);
      known.jumps.push({ at, length: jumpLength(code, at), target, branch });
    }
    this.#jumpKeys = [...jumpKeys.values()];
    this.#callKeys = new Map();
    for (const { at, key, tail } of sites.staticCalls) {
      if (!code.has(at, 5)) continue;
      const isConditional = branchLength(code, at) === 6;
      const form = isConditional ? "conditional tail" : tail ? "tail" : "call";
      this.#add(key, { at, form, condition: isConditional ? code.u8(at + 1) : 0 }, state);
    }
  }

  /** Takes in that at `at` is the trampoline of the static call whose key is at `key`. */
  addTrampoline(at: CodeAddress, key: CodeAddress, state: KernelState): void {
    this.#add(key, { at, form: "trampoline", condition: 0 }, state);
  }

  /** Static calls that lead to what is no function: of the kernel, of a module, of BPF. */
  strayCalls(state: KernelState): readonly StrayCall[] {
    const stray: StrayCall[] = [];
    if (state.modules !== this.#modules) {
      this.#sound.clear();
      this.#modules = state.modules;
    }
    for (const { at: key, target } of this.#callKeys.values()) {
      if (!target || this.#sound.has(target)) continue;
      const owner = state.symbolize(state.gva(target));
      // Those of BPF's dispatchers begin in the middle of what they are called by.
      if (owner !== undefined && (owner.offset === 0 || owner.module === "bpf")) {
        this.#sound.add(target);
      } else stray.push({ key, target });
    }
    return stray;
  }

  /** Writes what the keys of now say. */
  update(state: KernelState): void {
    const { memory } = state.kernel;
    for (const key of this.#jumpKeys) {
      // `static_key_count`: -1 while it is being enabled.
      const on = memory.u32(key.at) !== 0;
      if (on === key.on) continue;
      key.on = on;
      for (const jump of key.jumps) this.#writeJump(jump, on, state);
    }
    for (const key of this.#callKeys.values()) {
      const target = state.pointer(key.at);
      if (target === key.target || target === undefined) continue;
      key.target = target;
      for (const call of key.calls) this.#writeCall(call, target, state);
    }
  }

  #add(key: CodeAddress, call: Call, state: KernelState): void {
    const known = this.#callKeys.get(key) ?? { at: state.gva(key), calls: [], target: undefined };
    this.#callKeys.set(key, known);
    known.calls.push(call);
    // What is written at the next update.
    known.target = undefined;
  }

  /** The kernel has the one that it uses as a constant. */
  #isNewXor(state: KernelState): boolean {
    const constant = state.symbol("xor5rax");
    return constant !== undefined && state.kernel.memory.u8(state.gva(constant)) === XOR_EAX[0];
  }

  #writeJump({ at, length, target, branch }: Jump, on: boolean, state: KernelState): void {
    if (on === branch) this.#code.write(at, oneNoOperation(state.nops, length));
    else if (length === 5) this.#code.write(at, encodeBranch(JMP, at, target));
    else this.#code.write(at, [JMP_SHORT, (target - at - 2) & 0xff]);
  }

  /** `__static_call_transform`. */
  #writeCall({ at, form, condition }: Call, target: CodeAddress, state: KernelState): void {
    const code = this.#code;
    switch (form) {
      case "call": {
        if (target === 0) code.write(at, oneNoOperation(state.nops, 5));
        else if (target === state.symbol("__static_call_return0")) {
          code.write(at, this.#isNewXor(state) ? XOR_EAX : XOR_RAX);
        } else if (target === state.symbol("__WARN_trap")) code.write(at, WARN_TRAP);
        else if (target === state.symbol("__raw_callee_save___native_queued_spin_unlock")) {
          code.write(at, UNLOCK);
        } else code.write(at, encodeBranch(CALL, at, target));
        return;
      }
      case "tail":
      case "trampoline": {
        const thunk = target === 0 ? returnThunks(state)(at) : target;
        code.write(at, thunk === undefined ? RET : encodeBranch(JMP, at, thunk));
        return;
      }
      case "conditional tail": {
        const to = target || returnThunks(state)(0) || state.symbol("__static_call_return");
        if (to !== undefined) {
          code.write(at, [0x0f, condition, ...encodeBranch(JMP, at + 1, to).subarray(1)]);
        }
        return;
      }
    }
  }
}
