/**
 * An address in the top 2 GiB, where the kernel, its modules and all they call are: its lower 32 bits with
 * their sign, so that displacements (`rel32`) are added as processors add them, `(at + displacement) | 0`.
 */
export type CodeAddress = number;

/** The code address of a 64-bit one; `undefined` where that is not in the top 2 GiB. */
export function toCodeAddress(address: bigint): CodeAddress | undefined {
  const code = Number(BigInt.asIntN(32, address));
  return code < 0 && BigInt.asUintN(64, BigInt(code)) === BigInt.asUintN(64, address)
    ? code
    : undefined;
}

/** The 64-bit address of a code address. */
export const fromCodeAddress = (address: CodeAddress): bigint =>
  BigInt.asUintN(64, BigInt(address));
