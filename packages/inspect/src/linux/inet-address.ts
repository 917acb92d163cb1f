/** An IPv4 address out of its four bytes: `192.0.2.1`. */
export function formatIpv4(bytes: Uint8Array): string {
  return bytes.subarray(0, 4).join(".");
}

/** An IPv6 address out of its sixteen bytes, in the canonical form of RFC 5952: `2001:db8::1`. */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0),
  );
  // Section 5: the well-known prefix of mapped addresses keeps the dotted form.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatIpv4(bytes.subarray(12))}`;
  }
  const zeros = longestZeros(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (zeros.length < 2) return text(groups);
  const after = zeros.start + zeros.length;
  return `${text(groups.slice(0, zeros.start))}::${text(groups.slice(after))}`;
}

/** Section 4.2.3: the longest run of zeros, the first of several. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (groups[end] === 0) end += 1;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
