/** What the object file of `buildRelocatable` has. */
export const builtObject = {
  text: Buffer.from("e800000000c3", "hex"),
  relocation: { offset: 1, type: 4, symbol: 2, addend: -4 },
};

/** An object file with a function that calls `other`: as `as` makes of `f: call other; ret`. */
export function buildRelocatable(): Buffer {
  const strings = Buffer.from("\0f\0other\0");
  const symbols = Buffer.alloc(3 * 24);
  symbols.writeUInt32LE(1, 24);
  symbols.writeUInt16LE(1, 24 + 6);
  symbols.writeUInt32LE(3, 48);
  const rela = Buffer.alloc(24);
  const { offset, type, symbol, addend } = builtObject.relocation;
  rela.writeBigUInt64LE(BigInt(offset), 0);
  rela.writeUInt32LE(type, 8);
  rela.writeUInt32LE(symbol, 12);
  rela.writeBigInt64LE(BigInt(addend), 16);
  const names = ["", ".text", ".rela.text", ".bss", ".symtab", ".strtab", ".shstrtab"];
  const namesAt = (i: number) => names.slice(0, i).reduce((at, name) => at + name.length + 1, 0);
  const nothing = Buffer.alloc(0);
  const sections = [
    { type: 0, flags: 0, bytes: nothing },
    { type: 1, flags: 6, bytes: builtObject.text, align: 16 },
    { type: 4, flags: 0, bytes: rela, link: 4, info: 1 },
    { type: 8, flags: 3, bytes: nothing, size: 32, align: 32 },
    { type: 2, flags: 0, bytes: symbols, link: 5 },
    { type: 3, flags: 0, bytes: strings },
    { type: 3, flags: 0, bytes: Buffer.from(`${names.join("\0")}\0`) },
  ];
  const head = Buffer.alloc(64);
  head.write("7f454c46020101", "hex");
  head.writeUInt16LE(1, 16);
  head.writeUInt16LE(62, 18);
  head.writeUInt16LE(64, 58);
  head.writeUInt16LE(sections.length, 60);
  head.writeUInt16LE(sections.length - 1, 62);
  const headers = Buffer.alloc(64 * sections.length);
  const parts = [head];
  let at = head.length;
  for (const [i, section] of sections.entries()) {
    headers.writeUInt32LE(namesAt(i), i * 64);
    headers.writeUInt32LE(section.type, i * 64 + 4);
    headers.writeUInt32LE(section.flags, i * 64 + 8);
    headers.writeBigUInt64LE(BigInt(at), i * 64 + 24);
    headers.writeBigUInt64LE(BigInt(section.size ?? section.bytes.length), i * 64 + 32);
    headers.writeUInt32LE(section.link ?? 0, i * 64 + 40);
    headers.writeUInt32LE(section.info ?? 0, i * 64 + 44);
    headers.writeBigUInt64LE(BigInt(section.align ?? 1), i * 64 + 48);
    parts.push(section.bytes);
    at += section.bytes.length;
  }
  head.writeBigUInt64LE(BigInt(at), 40);
  return Buffer.concat([...parts, headers]);
}
