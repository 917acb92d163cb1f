/** XXH64 (xxHash fast digest algorithm, 0.1.1, "XXH64 Algorithm Description"). */
const PRIME_1 = 0x9e37_79b1_85eb_ca87n;
const PRIME_2 = 0xc2b2_ae3d_27d4_eb4fn;
const PRIME_3 = 0x1656_67b1_9e37_79f9n;
const PRIME_4 = 0x85eb_ca77_c2b2_ae63n;
const PRIME_5 = 0x27d4_eb2f_1656_67c5n;
const STRIPE_BYTES = 32;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
const turn = (value: bigint, bits: bigint): bigint => wrap(value << bits) | (value >> (64n - bits));
const round = (lane: bigint, input: bigint): bigint =>
  wrap(turn(wrap(lane + input * PRIME_2), 31n) * PRIME_1);

/** The XXH64 of `bytes` with seed 0, its lowest byte first. */
export function xxhash64(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let sum = PRIME_5;
  if (bytes.length >= STRIPE_BYTES) {
    let a = wrap(PRIME_1 + PRIME_2);
    let b = PRIME_2;
    let c = 0n;
    let d = wrap(-PRIME_1);
    for (; at + STRIPE_BYTES <= bytes.length; at += STRIPE_BYTES) {
      a = round(a, view.getBigUint64(at, true));
      b = round(b, view.getBigUint64(at + 8, true));
      c = round(c, view.getBigUint64(at + 16, true));
      d = round(d, view.getBigUint64(at + 24, true));
    }
    sum = wrap(turn(a, 1n) + turn(b, 7n) + turn(c, 12n) + turn(d, 18n));
    for (const lane of [a, b, c, d]) sum = wrap((sum ^ round(0n, lane)) * PRIME_1 + PRIME_4);
  }
  sum = wrap(sum + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) {
    const lane = round(0n, view.getBigUint64(at, true));
    sum = wrap(turn(sum ^ lane, 27n) * PRIME_1 + PRIME_4);
  }
  if (at + 4 <= bytes.length) {
    const lane = wrap(BigInt(view.getUint32(at, true)) * PRIME_1);
    sum = wrap(turn(sum ^ lane, 23n) * PRIME_2 + PRIME_3);
    at += 4;
  }
  for (; at < bytes.length; at += 1) {
    sum = wrap(turn(sum ^ wrap(BigInt(view.getUint8(at)) * PRIME_5), 11n) * PRIME_1);
  }
  sum = wrap((sum ^ (sum >> 33n)) * PRIME_2);
  sum = wrap((sum ^ (sum >> 29n)) * PRIME_3);
  const digest = Buffer.allocUnsafe(8);
  digest.writeBigUInt64LE(sum ^ (sum >> 32n));
  return digest;
}
