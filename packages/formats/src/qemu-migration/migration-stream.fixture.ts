/** A page as a stream carries it: all one byte, or 4096 bytes. */
export interface PageToSend {
  readonly block: string;
  readonly offset: number;
  readonly content: number | Buffer;
}

export interface StreamToBuild {
  readonly machine?: string;
  readonly capabilities?: readonly string[];
  readonly blocks: readonly (readonly [name: string, length: number])[];
  /** Each list is one part of the section; the last one ends it. */
  readonly parts: readonly (readonly PageToSend[])[];
  readonly footers?: boolean;
}

/** A migration stream up to the end of its RAM (QEMU 7.2, migration/savevm.c and ram.c), and some more. */
export function buildStream(stream: StreamToBuild): Buffer {
  const { machine, blocks, parts, footers = true } = stream;
  const out = new Uint8Writer();
  const closeSection = () => {
    out.u64(0x10); // RAM_SAVE_FLAG_EOS
    if (footers) out.u8(0x7e).u32(2);
  };
  out.text("QEVM").u32(3);
  if (machine !== undefined) out.u8(7).u32(machine.length).text(machine);
  if (stream.capabilities !== undefined) {
    out.u8(5).counted("configuration/capabilities").u32(1).u32(stream.capabilities.length);
    for (const name of stream.capabilities) out.counted(name);
  }
  out.u8(8).u16(3).u16(4).u32(99); // a command, MIG_CMD_PING
  out.u8(1).u32(2).counted("ram").u32(0).u32(4);
  out.u64(blocks.reduce((sum, [, length]) => sum + length, 0) + 0x04);
  for (const [name, length] of blocks) out.counted(name).u64(length);
  closeSection();
  let last = "";
  for (const [i, pages] of parts.entries()) {
    out.u8(i === parts.length - 1 ? 3 : 2).u32(2);
    for (const { block, offset, content } of pages) {
      const kind = typeof content === "number" ? 0x02 : 0x08;
      out.u64(offset + kind + (block === last ? 0x20 : 0));
      if (block !== last) out.counted(block);
      last = block;
      if (typeof content === "number") out.u8(content);
      else out.bytes(content);
    }
    closeSection();
  }
  return out.u8(4).u32(3).counted("timer").text("state of devices").done();
}

/** A file as libvirt saves one, with QEMU's stream behind (libvirt 9.0, qemu_saveimage.h). */
export function buildLibvirtSave(xml: string, stream: Buffer, format = 0, version = 2): Buffer {
  const header = Buffer.alloc(92);
  header.write("LibvirtQemudSave", 0, "latin1");
  header.writeUInt32LE(version, 16);
  header.writeUInt32LE(xml.length + 1, 20);
  header.writeUInt32LE(1, 24);
  header.writeUInt32LE(format, 28);
  return Buffer.concat([header, Buffer.from(`${xml}\0`), stream]);
}

class Uint8Writer {
  readonly #parts: Buffer[] = [];

  u8(value: number): this {
    return this.bytes(Buffer.of(value));
  }

  u16(value: number): this {
    return this.bytes(Buffer.of(value >>> 8, value));
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return this.bytes(bytes);
  }

  u64(value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return this.bytes(bytes);
  }

  counted(text: string): this {
    return this.u8(text.length).text(text);
  }

  text(text: string): this {
    return this.bytes(Buffer.from(text, "latin1"));
  }

  bytes(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
