import type { CodeAddress } from "@casemate/formats/kernel-code";
import { branchTarget, CALL, encodeBranch, JMP, JMP_SHORT } from "./encode-branch.ts";
import type { ExpectedCode } from "./expected-code.ts";
import { FEATURES, type KernelState } from "./kernel-state.ts";
import { noOperations, oneNoOperation } from "./no-operations.ts";
import type { PatchSites } from "./patch-sites.ts";
import { relativeOperands } from "./relative-operands.ts";

const NOP = 0x90;
const INT3 = 0xcc;
const RET = 0xc3;
const CS_PREFIX = 0x2e;
const LOCK_PREFIX = 0xf0;
const DS_PREFIX = 0x3e;
const LFENCE = [0x0f, 0xae, 0xe8];
/** `call *disp32(%rip)`. */
const CALL_RIP_RELATIVE = [0xff, 0x15];
const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa];
/** `gen_endbr_poison`: `osp nopl (%rax)`. */
const ENDBR_POISON = [0x66, 0x0f, 0x1f, 0x00];
/** The registers of `__x86_indirect_thunk_*`, by their numbers in instructions. */
const REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

/**
 * Changes `code`, which is as its file has it, as the kernel or the module loader does before it runs
 * (`alternative_instructions`, `module_finalize`): in the same order, for patches are laid upon patches.
 */
export function applyBootPatches(code: ExpectedCode, sites: PatchSites, state: KernelState): void {
  applyParavirt(code, sites, state);
  applyRetpolines(code, sites, state);
  applyReturns(code, sites, state);
  applyAlternatives(code, sites, state);
  for (const at of sites.endbrs) {
    if (ENDBR64.every((byte, i) => code.u8(at + i) === byte)) code.write(at, ENDBR_POISON);
  }
  applyConstants(code, sites, state);
}

/** Up to 6.7: `apply_paravirt`. Before 5.12 some of what the bare machine does was put in place of the call. */
function applyParavirt(code: ExpectedCode, { paravirt }: PatchSites, state: KernelState): void {
  const table = state.symbol("pv_ops");
  if (paravirt.length === 0 || table === undefined) return;
  const isInlined = state.symbol("native_patch") !== undefined;
  for (const { at, type, length } of paravirt) {
    const target = state.pointer(table + type * 8);
    if (target === undefined || !code.has(at, length)) continue;
    const name = target === 0 ? "" : (state.functionAt(target) ?? "");
    const inline = /^_?paravirt_nop$/.test(name) ? [] : isInlined ? INLINED[name] : undefined;
    if (inline !== undefined && inline.length <= length) fill(code, state, at, length, inline);
    else if (target === 0) fill(code, state, at, length, [0x0f, 0x0b]);
    else {
      const opcode = isInlined && JUMPS.has(name) ? JMP : CALL;
      fill(code, state, at, length, encodeBranch(opcode, at, target));
    }
  }
}

/** Functions of `pv_ops` that 5.10 writes down where they are called (arch/x86/kernel/paravirt_patch.c). */
const INLINED: Readonly<Record<string, readonly number[] | undefined>> = {
  native_irq_disable: [0xfa],
  native_irq_enable: [0xfb],
  native_save_fl: [0x9c, 0x58],
  native_restore_fl: [0x57, 0x9d],
  native_read_cr2: [0x0f, 0x20, 0xd0],
  __native_read_cr3: [0x0f, 0x20, 0xd8],
  native_write_cr3: [0x0f, 0x22, 0xdf],
  native_wbinvd: [0x0f, 0x09],
  _paravirt_ident_64: [0x48, 0x89, 0xf8],
  __raw_callee_save___native_queued_spin_unlock: [0xc6, 0x07, 0x00],
  __raw_callee_save___native_vcpu_is_preempted: [0x31, 0xc0],
};
const JUMPS: ReadonlySet<string> = new Set(["native_iret", "native_usergs_sysret64"]);

/** `patch_retpoline`: calls and jumps through a thunk become direct ones where processors need no thunk. */
function applyRetpolines(code: ExpectedCode, { retpolines }: PatchSites, state: KernelState): void {
  const lfence = state.has(FEATURES.retpolineLfence);
  const thunks = thunkRegisters(state);
  if (state.has(FEATURES.retpoline) && !lfence) return;
  for (const at of retpolines) {
    const prefix = code.u8(at) === CS_PREFIX ? 1 : 0;
    const isJcc = code.u8(at + prefix) === 0x0f;
    const length = prefix + (isJcc ? 6 : 5);
    const bytes = code.bytes(at, length);
    const target = isJcc
      ? (at + length + code.i32(at + prefix + 2)) | 0
      : branchTarget(bytes.subarray(prefix), at + prefix);
    const register = target === undefined ? undefined : thunks.get(target);
    if (register === undefined) continue;
    const isJump = isJcc || bytes[prefix] === JMP;
    const patched: number[] = [];
    if (isJcc) patched.push(0x70 + (((bytes[1] ?? 0) & 0xf) ^ 1), length - 2);
    if (lfence) patched.push(...LFENCE);
    if (register >= 8) patched.push(0x41);
    patched.push(0xff, (isJump ? 0xe0 : 0xd0) + (register & 7));
    if (isJump && patched.length < length) patched.push(INT3);
    fill(code, state, at, length, patched);
  }
}

function thunkRegisters(state: KernelState): ReadonlyMap<CodeAddress, number> {
  const thunks = new Map<CodeAddress, number>();
  for (const [number, name] of REGISTERS.entries()) {
    const at = state.symbol(`__x86_indirect_thunk_${name}`);
    if (at !== undefined) thunks.set(at, number);
  }
  return thunks;
}

/** `patch_return`: a plain return, or a jump to the thunk that processors need. */
function applyReturns(code: ExpectedCode, { returns }: PatchSites, state: KernelState): void {
  if (returns.length === 0) return;
  const thunkAt = returnThunks(state);
  for (const at of returns) {
    // One that is jumped to by a condition stays as it is.
    if (code.u8(at) !== JMP) continue;
    const thunk = thunkAt(at);
    if (thunk === undefined) code.write(at, [RET, INT3, INT3, INT3, INT3]);
    else code.write(at, encodeBranch(JMP, at, thunk));
  }
}

/**
 * Where a function that ends at an address returns through; `undefined` where it returns by itself:
 * `cpu_wants_rethunk_at`.
 */
export function returnThunks(state: KernelState): (at: CodeAddress) => CodeAddress | undefined {
  if (!state.has(FEATURES.rethunk)) return () => undefined;
  const variable = state.symbol("x86_return_thunk");
  const thunk =
    variable === undefined ? state.symbol("__x86_return_thunk") : state.pointer(variable);
  // Indirect target selection is about the lower halves of cache lines.
  const isHalf = thunk !== undefined && thunk === state.symbol("its_return_thunk");
  return (at) => (isHalf && (at & 0x20) !== 0 ? undefined : thunk);
}

/** `apply_alternatives`. */
function applyAlternatives(
  code: ExpectedCode,
  { alternatives }: PatchSites,
  state: KernelState,
): void {
  for (let i = 0; i < alternatives.length; i += 1) {
    const each = alternatives[i];
    if (each === undefined) continue;
    const { at, replacement, replacementLength } = each;
    let { length } = each;
    for (let next = i + 1; alternatives[next]?.at === at; next += 1) {
      length = Math.max(length, alternatives[next]?.length ?? 0);
    }
    if (!code.has(at, length)) continue;
    if (state.has(each.feature) === each.inverted) {
      const bytes = code.bytes(at, length);
      const used = bytes.findLastIndex((byte) => byte !== NOP) + 1;
      bytes.set(noOperations(state.nops, length - used), used);
      continue;
    }
    const bytes = each.directCall
      ? directCall(code, at, length, state)
      : shortened(
          moved(code.bytes(replacement, replacementLength), replacement, at),
          each.newer ? [INT3, INT3, INT3] : oneNoOperation(state.nops, 3),
        );
    if (bytes !== undefined) fill(code, state, at, length, bytes);
  }
}

/** `alt_replace_call`: a call of what the pointer holds; nothing for a function that does nothing. */
function directCall(
  code: ExpectedCode,
  at: CodeAddress,
  length: number,
  state: KernelState,
): ArrayLike<number> | undefined {
  const isCall = length === 6 && CALL_RIP_RELATIVE.every((byte, i) => code.u8(at + i) === byte);
  if (!isCall) return undefined;
  const pointer = (at + length + code.i32(at + 2)) | 0;
  const target = state.pointer(pointer);
  if (target === undefined) return undefined;
  if (target === state.symbol("nop_func")) return [];
  const called = target === 0 ? state.symbol("BUG_func") : target;
  return called === undefined ? undefined : encodeBranch(CALL, at, called);
}

/** `apply_relocation`: code of `from`, so that it does the same at `to`. */
function moved(code: Uint8Array, from: CodeAddress, to: CodeAddress): Uint8Array {
  const bytes = Buffer.from(code);
  for (const { at, size, next } of relativeOperands(code)) {
    const distance = size === 4 ? bytes.readInt32LE(at) : bytes.readInt8(at);
    // What stays inside moves along.
    const inside = next + distance >= 0 && next + distance <= bytes.length;
    if (inside || size !== 4) continue;
    bytes.writeInt32LE((distance + from - to) | 0, at);
  }
  return bytes;
}

/** `recompute_jump`: a jump that stays near takes 2 bytes, and `rest` fills the others. */
function shortened(bytes: Uint8Array, rest: readonly number[]): Uint8Array {
  if (bytes.length !== 5 || bytes[0] !== JMP) return bytes;
  const distance = Buffer.from(bytes).readInt32LE(1) + 3;
  return (distance << 24) >> 24 === distance
    ? Uint8Array.of(JMP_SHORT, distance & 0xff, ...rest)
    : bytes;
}

/** Since 6.11 (arch/x86/include/asm/runtime-const.h). */
function applyConstants(code: ExpectedCode, { constants }: PatchSites, state: KernelState): void {
  for (const { at, kind, name } of constants) {
    const variable = state.symbol(name);
    // Those that only the start of the kernel knew are compared with each other.
    if (variable === undefined) continue;
    const value = state.kernel.memory.bytes(state.gva(variable), 8);
    code.write(
      at,
      kind === "ptr" ? value : kind === "mask" ? value.subarray(0, 4) : value.subarray(0, 1),
    );
  }
}

/** `alternatives_smp_module_add`: a machine with one processor needs no LOCK. */
export function applyLocks(
  code: ExpectedCode,
  { locks, otherLocks }: PatchSites,
  state: KernelState,
): void {
  const { memory } = state.kernel;
  const variable = state.symbol("uniproc_patched");
  if (variable === undefined || memory.u8(state.gva(variable)) === 0) return;
  const takenOut = otherLocks.filter((at) => memory.u8(state.gva(at)) === DS_PREFIX);
  for (const at of [...locks, ...takenOut]) {
    if (code.u8(at) === LOCK_PREFIX) code.write(at, [DS_PREFIX]);
  }
}

function fill(
  code: ExpectedCode,
  { nops }: KernelState,
  at: CodeAddress,
  length: number,
  bytes: ArrayLike<number>,
): void {
  code.write(at, bytes);
  code.write(at + bytes.length, noOperations(nops, length - bytes.length));
}
