/** What NBD sends: words of 16, 32 and 64 bits, and bytes. */
export function packet(
  ...parts: readonly (readonly [2 | 4 | 8, number | bigint] | string)[]
): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === "string") return Buffer.from(part, "latin1");
      const [width, value] = part;
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(value));
      return bytes.subarray(8 - width);
    }),
  );
}
