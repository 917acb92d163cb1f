import type { CodeAddress } from "@casemate/formats/kernel-code";

export const CALL = 0xe8;
export const JMP = 0xe9;
export const JMP_SHORT = 0xeb;

/** The 5 bytes of a call or a jump at `at` to `target`. */
export function encodeBranch(opcode: number, at: CodeAddress, target: CodeAddress): Uint8Array {
  const bytes = Buffer.alloc(5);
  bytes[0] = opcode;
  bytes.writeInt32LE((target - at - 5) | 0, 1);
  return bytes;
}

/** Where the call or jump in `bytes`, which are at `at`, leads; `undefined` for anything else. */
export function branchTarget(bytes: Uint8Array, at: CodeAddress): CodeAddress | undefined {
  const [opcode, a = 0, b = 0, c = 0, d = 0] = bytes;
  if (opcode === JMP_SHORT) return (at + 2 + ((a << 24) >> 24)) | 0;
  if (opcode !== CALL && opcode !== JMP) return undefined;
  return (at + 5 + (a | (b << 8) | (c << 16) | (d << 24))) | 0;
}
