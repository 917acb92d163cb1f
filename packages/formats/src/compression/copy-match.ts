/**
 * Copies `count` bytes from `distance` bytes before `at` to `at`, as LZ77 means it: the copy may reach
 * into what it makes. The caller has checked that both lie in `target`.
 */
export function copyMatch(target: Uint8Array, at: number, distance: number, count: number): void {
  if (count > 32 && distance >= count) {
    target.copyWithin(at, at - distance, at - distance + count);
    return;
  }
  for (let i = at; i < at + count; i += 1) target[i] = target[i - distance] ?? 0;
}

/** Copies `count` bytes of `block` from `from` on to `at`; the caller has checked that they fit. */
export function copyLiterals(
  block: Uint8Array,
  from: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  if (count > 32) target.set(block.subarray(from, from + count), at);
  else for (let i = 0; i < count; i += 1) target[at + i] = block[from + i] ?? 0;
}
