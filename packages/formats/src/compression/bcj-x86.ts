/** The opcodes of CALL and JMP with a relative address of 32 bits. */
const CALL = 0xe8;
const JMP = 0xe9;
/** By the three bits of `mask`: whether a byte before could have been an opcode too (liblzma/simple/x86.c). */
const MASK_TO_ALLOWED = [true, true, true, false, true, false, false, false] as const;
const MASK_TO_BIT = [0, 1, 2, 2, 3, 3, 3, 3] as const;

const isSign = (byte: number): boolean => byte === 0x00 || byte === 0xff;

/**
 * Undoes the x86 filter of XZ in place: addresses in calls and jumps, made absolute so that they compress
 * better, become relative to where they stand again (XZ Utils, liblzma/simple/x86.c, by its description).
 */
export function undoBcjX86(bytes: Uint8Array): void {
  const last = bytes.length - 5;
  let mask = 0;
  let previous = -1;
  for (let at = 0; at <= last; at += 1) {
    const opcode = bytes[at] ?? 0;
    if (opcode !== CALL && opcode !== JMP) continue;
    const distance = at - previous;
    if (previous < 0 || distance > 3) mask = 0;
    else {
      mask = (mask << (distance - 1)) & 7;
      if (mask !== 0) {
        const suspect = bytes[at + 4 - (MASK_TO_BIT[mask] ?? 0)] ?? 0;
        if (MASK_TO_ALLOWED[mask] !== true || isSign(suspect)) {
          previous = at;
          mask = (mask << 1) | 1;
          continue;
        }
      }
    }
    previous = at;
    if (!isSign(bytes[at + 4] ?? 0)) {
      mask = (mask << 1) | 1;
      continue;
    }
    let address =
      (bytes[at + 1] ?? 0) |
      ((bytes[at + 2] ?? 0) << 8) |
      ((bytes[at + 3] ?? 0) << 16) |
      ((bytes[at + 4] ?? 0) << 24);
    for (;;) {
      const relative = (address - (at + 5)) | 0;
      if (mask === 0) {
        address = relative;
        break;
      }
      const shift = (MASK_TO_BIT[mask] ?? 0) * 8;
      if (!isSign((relative >>> (24 - shift)) & 0xff)) {
        address = relative;
        break;
      }
      address = relative ^ ((1 << (32 - shift)) - 1);
    }
    bytes[at + 1] = address;
    bytes[at + 2] = address >>> 8;
    bytes[at + 3] = address >>> 16;
    bytes[at + 4] = (address & 0x0100_0000) === 0 ? 0 : 0xff;
    at += 4;
    mask = 0;
  }
}
