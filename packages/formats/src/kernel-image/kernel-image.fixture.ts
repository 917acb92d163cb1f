/** Sections of a small vmlinux, linked where Linux links them. */
export const built = {
  text: Buffer.alloc(5000, 0x90),
  banner: Buffer.from("Linux version 6.6.6-built (casemate@test) #1 SMP\n"),
  btf: Buffer.from("9feb01001800000000", "hex"),
  notes: Buffer.from("040000001400000003000000474e55000011", "hex"),
};

const BASE = 0xffff_ffff_8100_0000n;

/** A vmlinux with `.text`, `.rodata` (the banner 16 bytes into it), `.BTF` and `.notes`. */
export function buildVmlinux(): Buffer {
  const rodata = Buffer.concat([Buffer.alloc(16, 1), built.banner, Buffer.alloc(100)]);
  const sections = [
    ["", 0, Buffer.alloc(0)],
    [".text", 0, built.text],
    [".rodata", 0x2000, rodata],
    [".BTF", 0x3000, built.btf],
    [".notes", 0x4000, built.notes],
  ] as const;
  const names = Buffer.from(`${sections.map(([name]) => name).join("\0")}\0.shstrtab\0`);
  const parts: Buffer[] = [Buffer.alloc(64)];
  const headers = Buffer.alloc((sections.length + 1) * 64);
  let at = 64;
  let nameAt = 0;
  const add = (i: number, name: string, address: bigint, bytes: Buffer) => {
    headers.writeUInt32LE(nameAt, i * 64);
    headers.writeUInt32LE(1, i * 64 + 4);
    headers.writeBigUInt64LE(address, i * 64 + 16);
    headers.writeBigUInt64LE(BigInt(at), i * 64 + 24);
    headers.writeBigUInt64LE(BigInt(bytes.length), i * 64 + 32);
    nameAt += name.length + 1;
    at += bytes.length;
    parts.push(bytes);
  };
  for (const [i, [name, offset, bytes]] of sections.entries())
    add(i, name, BASE + BigInt(offset), bytes);
  add(sections.length, ".shstrtab", 0n, names);
  const [head = Buffer.alloc(0)] = parts;
  head.write("7f454c46020101", "hex");
  head.writeBigUInt64LE(BigInt(at), 40);
  head.writeUInt16LE(64, 58);
  head.writeUInt16LE(sections.length + 1, 60);
  head.writeUInt16LE(sections.length, 62);
  return Buffer.concat([...parts, headers]);
}

/** A bzImage around a kernel that was compressed to `payload` and is `size` bytes long. */
export function buildBzImage(payload: Uint8Array, size: number): Buffer {
  const head = Buffer.alloc(1024 + 256);
  head.writeUInt8(1, 0x1f1);
  head.writeUInt16LE(0xaa55, 0x1fe);
  head.write("HdrS", 0x202, "latin1");
  head.writeUInt16LE(0x020f, 0x206);
  head.writeUInt16LE(0x1e0, 0x20e);
  head.write("6.6.6-built (casemate@test) #1 SMP\0", 0x3e0, "latin1");
  head.writeUInt32LE(256, 0x248);
  head.writeUInt32LE(payload.length + 4, 0x24c);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(size);
  return Buffer.concat([head, payload, tail, Buffer.alloc(64)]);
}
