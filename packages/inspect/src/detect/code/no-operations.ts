const JMP_SHORT = 0xeb;
const INT3 = 0xcc;

/** No-ops of a kernel, by their lengths. */
export type NoOperations = readonly (readonly number[])[];

/** `x86_nops`, and `p6_nops` before 5.13 (arch/x86/include/asm/nops.h). */
export const usualNops: NoOperations = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/** `k8_nops`, for some processors up to 5.12. */
export const k8Nops: NoOperations = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x66, 0x66, 0x90],
  [0x66, 0x66, 0x66, 0x90],
  [0x66, 0x66, 0x90, 0x66, 0x90],
  [0x66, 0x66, 0x90, 0x66, 0x66, 0x90],
  [0x66, 0x66, 0x66, 0x90, 0x66, 0x66, 0x90],
  [0x66, 0x66, 0x66, 0x90, 0x66, 0x66, 0x66, 0x90],
];
/** The one of 5 bytes that is one instruction: `K8_NOP5_ATOMIC`. */
const K8_ATOMIC = [0x66, 0x66, 0x66, 0x66, 0x90];

/** The no-op of 2 or 5 bytes that other instructions are exchanged for while the code runs. */
export function oneNoOperation(nops: NoOperations, length: number): readonly number[] {
  return nops === k8Nops && length === 5 ? K8_ATOMIC : (nops[length] ?? []);
}

/** `length` bytes of no-ops, as the kernel writes them (`add_nops`). */
export function noOperations(nops: NoOperations, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const count = Math.min(length - at, nops.length - 1);
    bytes.set(nops[count] ?? [], at);
    at += count;
  }
  return bytes;
}

/** Whether `bytes` are whole no-ops and nothing else, in any of the kernel's encodings. */
export function areNoOperations(bytes: Uint8Array): boolean {
  let at = 0;
  // Many of them are jumped over, since 6.6.
  if (bytes[0] === JMP_SHORT && bytes[1] === bytes.length - 2) {
    return bytes.subarray(2).every((byte) => byte === INT3);
  }
  while (at < bytes.length) {
    const length = noOperationLength(bytes, at);
    if (length === 0 || at + length > bytes.length) return false;
    at += length;
  }
  return true;
}

/** How long the no-op at `at` is; 0 where none is: `nop`, or `nop` of some memory, with prefixes. */
function noOperationLength(bytes: Uint8Array, start: number): number {
  let at = start;
  // Operand size and code segment, as in the longest ones and in those of old processors.
  while (at - start < 4 && (bytes[at] === 0x66 || bytes[at] === 0x2e || bytes[at] === 0x3e))
    at += 1;
  if (bytes[at] === 0x90) return at + 1 - start;
  if (bytes[at] !== 0x0f || bytes[at + 1] !== 0x1f) return 0;
  const modrm = bytes[at + 2] ?? 0xff;
  // NOP is /0 of its group; without a register as its operand.
  if ((modrm & 0x38) !== 0) return 0;
  const mod = modrm >>> 6;
  const sib = (modrm & 7) === 4 && mod !== 3 ? 1 : 0;
  const displacement = mod === 1 ? 1 : mod === 2 || (mod === 0 && (modrm & 7) === 5) ? 4 : 0;
  return at + 3 + sib + displacement - start;
}
