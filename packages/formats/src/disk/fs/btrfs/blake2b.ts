/** RFC 7693, 2.6: the words of 64 bits that the state begins with, each as its low and its high half. */
const IV = Uint32Array.of(
  ...[0xf3bc_c908, 0x6a09_e667, 0x84ca_a73b, 0xbb67_ae85, 0xfe94_f82b, 0x3c6e_f372],
  ...[0x5f1d_36f1, 0xa54f_f53a, 0xade6_82d1, 0x510e_527f, 0x2b3e_6c1f, 0x9b05_688c],
  ...[0xfb41_bd6b, 0x1f83_d9ab, 0x137e_2179, 0x5be0_cd19],
);
/** RFC 7693, 2.7: which words of the message each round takes; rounds 10 and 11 are as 0 and 1. */
const SIGMA = Uint8Array.from(
  [
    ...["0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8"],
    ...["905724afe1bc683d", "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a"],
    ...["6fe9b308c2d714a5", "a2847615fb9e3cd0", "0123456789abcdef", "ea489fd61c02b753"],
  ].join(""),
  (digit) => Number.parseInt(digit, 16) * 2,
);
const BLOCK_BYTES = 128;
const DIGEST_BYTES = 32;
/** 2.5: no key, fan-out and depth 1. */
const PARAMETERS = 0x0101_0000 | DIGEST_BYTES;

/** BLAKE2b of 32 bytes without a key (RFC 7693), which OpenSSL makes of 64 bytes only. */
export function blake2b256(bytes: Uint8Array): Uint8Array {
  const state = IV.slice();
  state[0] = (state[0] ?? 0) ^ PARAMETERS;
  const block = new Uint8Array(BLOCK_BYTES);
  const message = new Uint32Array(block.buffer);
  const work = new Uint32Array(32);
  const last = Math.max(0, Math.ceil(bytes.length / BLOCK_BYTES) - 1) * BLOCK_BYTES;
  for (let at = 0; at <= last; at += BLOCK_BYTES) {
    const part = bytes.subarray(at, at + BLOCK_BYTES);
    block.set(part);
    block.fill(0, part.length);
    compress(state, work, message, at + part.length, at === last);
  }
  return new Uint8Array(state.buffer, 0, DIGEST_BYTES);
}

/** RFC 7693, 3.2: takes one block into the state; `counted` bytes have been taken with it. */
function compress(
  state: Uint32Array,
  work: Uint32Array,
  message: Uint32Array,
  counted: number,
  isLast: boolean,
): void {
  work.set(state);
  work.set(IV, 16);
  work[24] = (work[24] ?? 0) ^ counted;
  work[25] = (work[25] ?? 0) ^ Math.floor(counted / 2 ** 32);
  if (isLast) {
    work[28] = ~(work[28] ?? 0);
    work[29] = ~(work[29] ?? 0);
  }
  for (let at = 0; at < SIGMA.length; at += 16) {
    mix(work, 0, 8, 16, 24, message, at);
    mix(work, 2, 10, 18, 26, message, at + 2);
    mix(work, 4, 12, 20, 28, message, at + 4);
    mix(work, 6, 14, 22, 30, message, at + 6);
    mix(work, 0, 10, 20, 30, message, at + 8);
    mix(work, 2, 12, 22, 24, message, at + 10);
    mix(work, 4, 14, 16, 26, message, at + 12);
    mix(work, 6, 8, 18, 28, message, at + 14);
  }
  for (let i = 0; i < 16; i += 1) {
    state[i] = (state[i] ?? 0) ^ (work[i] ?? 0) ^ (work[i + 16] ?? 0);
  }
}

/** RFC 7693, 3.1: `G` of four words with the two words of the message that SIGMA has at `at`. */
function mix(
  work: Uint32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  message: Uint32Array,
  at: number,
): void {
  const x = SIGMA[at] ?? 0;
  const y = SIGMA[at + 1] ?? 0;
  add(work, a, work, b);
  add(work, a, message, x);
  turn(work, d, a, 0);
  add(work, c, work, d);
  turn(work, b, c, 24);
  add(work, a, work, b);
  add(work, a, message, y);
  turn(work, d, a, 16);
  add(work, c, work, d);
  turnLong(work, b, c);
}

/** Adds word `from` of `words` to word `to`. */
function add(work: Uint32Array, to: number, words: Uint32Array, from: number): void {
  const sum = (work[to] ?? 0) + (words[from] ?? 0);
  work[to] = sum;
  work[to + 1] = (work[to + 1] ?? 0) + (words[from + 1] ?? 0) + (sum > 0xffff_ffff ? 1 : 0);
}

/** Word `at` becomes itself XOR word `other`, turned right by 16 or 24 bits, or by 32 where `bits` is 0. */
function turn(work: Uint32Array, at: number, other: number, bits: number): void {
  const low = (work[at] ?? 0) ^ (work[other] ?? 0);
  const high = (work[at + 1] ?? 0) ^ (work[other + 1] ?? 0);
  work[at] = bits === 0 ? high : (low >>> bits) | (high << (32 - bits));
  work[at + 1] = bits === 0 ? low : (high >>> bits) | (low << (32 - bits));
}

/** The same by 63 bits, which is left by one. */
function turnLong(work: Uint32Array, at: number, other: number): void {
  const low = (work[at] ?? 0) ^ (work[other] ?? 0);
  const high = (work[at + 1] ?? 0) ^ (work[other + 1] ?? 0);
  work[at] = (low << 1) | (high >>> 31);
  work[at + 1] = (high << 1) | (low >>> 31);
}
