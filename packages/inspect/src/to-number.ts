// V8 turns a big integer into a number by a call of 50 ns and more, but stores one in an array without any.
const wide = new BigUint64Array(1);
/** The low half first: every machine that Node runs on here is little-endian. */
const halves = new Uint32Array(wide.buffer);

/** The low 64 bits of `value` as a number, exact up to 2^53: `Number(BigInt.asUintN(64, value))`, but fast. */
export function toNumber(value: bigint): number {
  wide[0] = value;
  return (halves[1] ?? 0) * 2 ** 32 + (halves[0] ?? 0);
}

/** The low 64 bits of `value` with their sign: `Number(BigInt.asIntN(64, value))`, but fast. */
export function toSignedNumber(value: bigint): number {
  wide[0] = value;
  return ((halves[1] ?? 0) | 0) * 2 ** 32 + (halves[0] ?? 0);
}

/** Bits 31:0 and 63:32 in one array that serves every call: take them out before the next. */
export function splitHalves(value: bigint): Uint32Array {
  wide[0] = value;
  return halves;
}

/** Bits 31:0. */
export function lowHalf(value: bigint): number {
  wide[0] = value;
  return halves[0] ?? 0;
}

/** Bits 63:32. */
export function highHalf(value: bigint): number {
  wide[0] = value;
  return halves[1] ?? 0;
}
