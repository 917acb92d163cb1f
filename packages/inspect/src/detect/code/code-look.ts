import type { Gva } from "@casemate/core";
import { type CodeAddress, toCodeAddress } from "@casemate/formats/kernel-code";
import { type FtraceCalls, readFtraceCalls } from "../../linux/ftrace-calls.ts";
import { readKprobeDetours } from "../../linux/kprobe-detours.ts";
import { returnThunks } from "./apply-boot-patches.ts";
import { branchTarget, JMP } from "./encode-branch.ts";
import type { KernelState } from "./kernel-state.ts";

const PAGE = 4096;
const INT3 = 0xcc;
const RET = 0xc3;
const CS_PREFIX = 0x2e;
const REX_B = 0x41;

/** What one look needs only if code differs, read when it is. */
export class CodeLook {
  readonly state: KernelState;
  #ftrace: FtraceCalls | undefined;
  #detours: ReadonlyMap<CodeAddress, CodeAddress> | undefined;

  constructor(state: KernelState) {
    this.state = state;
  }

  get ftrace(): FtraceCalls {
    this.#ftrace ??= readFtraceCalls(this.state.kernel);
    return this.#ftrace;
  }

  /** Where kprobes are, and where they jump to; 0 for those with a breakpoint. */
  get detours(): ReadonlyMap<CodeAddress, CodeAddress> {
    if (this.#detours === undefined) {
      const detours = new Map<CodeAddress, CodeAddress>();
      const code = (address: Gva) => (address === 0n ? 0 : toCodeAddress(address));
      for (const [address, slot] of readKprobeDetours(this.state.kernel)) {
        const at = code(address);
        const to = code(slot);
        if (at !== undefined && to !== undefined) detours.set(at, to);
      }
      this.#detours = detours;
    }
    return this.#detours;
  }

  /**
   * Whether `now` calls or jumps to a thunk that does what `expected` does: an indirect branch that must be in
   * the upper half of a cache line (indirect target selection, `emit_its_trampoline`).
   */
  isThroughThunk(expected: Uint8Array, now: Uint8Array, at: CodeAddress): boolean {
    const prefix = now[0] === CS_PREFIX ? 1 : 0;
    const target = branchTarget(now.subarray(prefix), at + prefix);
    const wide = expected[0] === REX_B ? 1 : 0;
    const [opcode, modrm = 0] = expected.subarray(wide);
    if (target === undefined || opcode !== 0xff || (modrm & 0xc0) !== 0xc0) return false;
    const isJump = (modrm & 0x38) === 0x20;
    if (isJump !== (now[prefix] === JMP) || (target & 0x20) === 0) return false;
    const jump = [...expected.subarray(0, wide), 0xff, 0xe0 | (modrm & 7)];
    const { kernel } = this.state;
    const place = this.state.gva(target);
    const seen = kernel.attempt(() => kernel.memory.bytes(place, jump.length), "thunk", place);
    return seen !== undefined && Buffer.compare(seen, Buffer.from(jump)) === 0;
  }

  /** Whether code does nothing but return, by itself or through the thunk that processors need. */
  isReturn(code: Uint8Array, at: CodeAddress): boolean {
    if (code[0] === RET) return code.subarray(1).every((byte) => byte === INT3);
    const target = code[0] === JMP ? branchTarget(code, at) : undefined;
    return target !== undefined && target === returnThunks(this.state)(0);
  }

  /** Up to 5.16 traced functions whose return is traced too went through one place. */
  isGraphCaller(target: CodeAddress): boolean {
    return target === this.state.symbol("ftrace_graph_caller");
  }

  /** Whether `target` is in what `struct bpf_dispatcher` made (up to 6.1). */
  isDispatcher(name: string, target: CodeAddress): boolean {
    const { kernel } = this.state;
    const at = this.state.symbol(name);
    if (at === undefined || !kernel.hasStruct("bpf_dispatcher")) return false;
    const image = this.state.pointer(at + kernel.struct("bpf_dispatcher").offset("image"));
    return image !== undefined && image !== 0 && target >= image && target < image + PAGE;
  }
}
