import type { CasemateError } from "@casemate/core";
import { nbdError } from "./nbd-error.ts";
import {
  HANDSHAKE_FLAGS,
  Info,
  MAGIC,
  MAX_OPTION,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  Option,
  OptionReply,
  REQUEST_MAGIC,
} from "./nbd-protocol.ts";
import { pollUntil, SocketChannel } from "./socket-channel.ts";

/** Bytes of a disk from `start` to before `end`. */
export interface DiskRange {
  readonly start: number;
  readonly end: number;
}

/** doc/proto.md: options and replies beside those of a plain read. */
const STRUCTURED_REPLY = 8;
const SET_META_CONTEXT = 10;
const META_CONTEXT = 4;
const BLOCK_STATUS = 7;
const STRUCTURED_MAGIC = 0x668e_33ef;
const CHUNK_BLOCK_STATUS = 5;
const CHUNK_DONE = 1;
/** QEMU, block/export `qemu:dirty-bitmap:NAME`: bit 0 is that it was written to. */
const DIRTY = 1;
/** What one request is of, and what its answer may have: QEMU's NBD_MAX_BITMAP_EXTENTS of 8 bytes. */
const REQUEST_BYTES = 1024 * 1024 * 1024;
const MAX_CHUNK = 2 * 1024 * 1024 + 4;
const MAX_INFOS = 16;
const LIMIT_MS = 30_000;
/** Beyond it, all that follows counts as written to. */
const MAX_RANGES = 1_000_000;

/**
 * Which bytes of the disk that an NBD server exports are in its dirty bitmap, in their order.
 *
 * HOSTILE: the server is the guest's QEMU, which the guest may have taken over. Throws `disk/unreadable`.
 *
 * @param fd connected, does not block, and stays the caller's.
 */
export function readDirtyRanges(
  fd: number,
  { name, bitmap }: { readonly name: string; readonly bitmap: string },
): readonly DiskRange[] {
  const talk = new Talk(fd);
  talk.greet();
  talk.option(STRUCTURED_REPLY, Buffer.alloc(0));
  if (talk.optionReply(STRUCTURED_REPLY).type !== OptionReply.ack) throw unexpected("no chunks");
  const context = talk.chooseContext(name, `qemu:dirty-bitmap:${bitmap}`);
  const size = talk.go(name);
  const ranges: { start: number; end: number }[] = [];
  for (let at = 0; at < size; ) {
    const most = Math.min(REQUEST_BYTES, size - at);
    let told = 0;
    for (const [length, flags] of talk.status(at, most, context)) {
      const start = at + told;
      const end = Math.min(start + length, size);
      told += length;
      if ((flags & DIRTY) === 0 || end <= start) continue;
      const last = ranges.at(-1);
      if (last?.end === start) last.end = end;
      else if (last !== undefined && ranges.length >= MAX_RANGES) last.end = size;
      else ranges.push({ start, end });
    }
    if (told === 0) throw unexpected("nothing of a part of the disk");
    at += told;
  }
  return ranges;
}

/** One connection; what comes in is read in its order. */
class Talk {
  readonly #channel: SocketChannel;
  readonly #until = performance.now() + LIMIT_MS;
  #cookie = 0n;

  constructor(fd: number) {
    this.#channel = new SocketChannel(fd);
  }

  greet(): void {
    const greeting = this.#receive(18);
    const isNewstyle = (greeting.readUInt16BE(16) & HANDSHAKE_FLAGS) === HANDSHAKE_FLAGS;
    const isNbd = greeting.readBigUInt64BE(0) === MAGIC;
    if (!isNbd || greeting.readBigUInt64BE(8) !== OPTION_MAGIC || !isNewstyle) {
      throw unexpected("a greeting of another protocol");
    }
    this.#send(numbers([4, HANDSHAKE_FLAGS]));
  }

  option(option: number, data: Buffer): void {
    this.#send(Buffer.concat([numbers([8, OPTION_MAGIC], [4, option], [4, data.length]), data]));
  }

  optionReply(option: number): { readonly type: number; readonly data: Buffer } {
    const header = this.#receive(20);
    const length = header.readUInt32BE(16);
    const isReply =
      header.readBigUInt64BE(0) === OPTION_REPLY_MAGIC && header.readUInt32BE(8) === option;
    if (!isReply || length > MAX_OPTION) throw unexpected(`a reply of ${length} bytes`);
    return { type: header.readUInt32BE(12), data: this.#receive(length) };
  }

  /** The number that the server gives to the bitmap. */
  chooseContext(name: string, context: string): number {
    const query = [sized(name), numbers([4, 1]), sized(context)];
    this.option(SET_META_CONTEXT, Buffer.concat(query));
    const { type, data } = this.optionReply(SET_META_CONTEXT);
    if (type !== META_CONTEXT || data.length < 4 || data.toString("utf8", 4) !== context) {
      throw unexpected(`no bitmap ${context}`);
    }
    const end = this.optionReply(SET_META_CONTEXT).type;
    if (end !== OptionReply.ack) throw unexpected("more than one bitmap");
    return data.readUInt32BE(0);
  }

  /** The disk's size, in bytes. */
  go(name: string): number {
    this.option(Option.go, Buffer.concat([sized(name), numbers([2, 0])]));
    let size: number | undefined;
    for (let infos = 0; infos < MAX_INFOS; infos += 1) {
      const { type, data } = this.optionReply(Option.go);
      if (type === OptionReply.ack && size !== undefined) return size;
      if (type !== OptionReply.info) throw unexpected(`reply ${type}: ${data.toString("latin1")}`);
      if (data.length < 12 || data.readUInt16BE(0) !== Info.export) continue;
      size = Number(data.readBigUInt64BE(2));
      if (!Number.isSafeInteger(size)) throw unexpected(`a size of ${size}`);
    }
    throw unexpected(`${MAX_INFOS} informations`);
  }

  /** What the bitmap says of `length` bytes from byte `offset` on, maybe of fewer. */
  status(offset: number, length: number, context: number): (readonly [number, number])[] {
    this.#cookie += 1n;
    const head = numbers([4, REQUEST_MAGIC], [2, 0], [2, BLOCK_STATUS], [8, this.#cookie]);
    this.#send(Buffer.concat([head, numbers([8, offset], [4, length])]));
    const extents: (readonly [number, number])[] = [];
    for (let chunks = 0; chunks < MAX_INFOS; chunks += 1) {
      const header = this.#receive(20);
      const size = header.readUInt32BE(16);
      const isReply =
        header.readUInt32BE(0) === STRUCTURED_MAGIC && header.readBigUInt64BE(8) === this.#cookie;
      if (!isReply || size > MAX_CHUNK) throw unexpected(`a chunk of ${size} bytes`);
      const data = this.#receive(size);
      const type = header.readUInt16BE(6);
      if (type === CHUNK_BLOCK_STATUS && size >= 4 && data.readUInt32BE(0) === context) {
        for (let at = 4; at + 8 <= size; at += 8) {
          extents.push([data.readUInt32BE(at), data.readUInt32BE(at + 4)]);
        }
      } else if (type !== 0) throw unexpected(`chunk ${type}`);
      if ((header.readUInt16BE(4) & CHUNK_DONE) !== 0) return extents;
    }
    throw unexpected(`${MAX_INFOS} chunks`);
  }

  #send(bytes: Buffer): void {
    this.#channel.send(bytes, (fd, events) => void pollUntil([[fd, events]], this.#until));
  }

  #receive(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    this.#channel.receive(bytes, (fd, events) => void pollUntil([[fd, events]], this.#until));
    return bytes;
  }
}

/** Big-endian, each of so many bytes. */
function numbers(...fields: readonly (readonly [width: 2 | 4 | 8, value: number | bigint])[]) {
  return Buffer.concat(
    fields.map(([width, value]) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(value));
      return bytes.subarray(8 - width);
    }),
  );
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([numbers([4, bytes.length]), bytes]);
}

function unexpected(seen: string): CasemateError {
  const needed = "what the NBD protocol has there";
  return nbdError("disk/unreadable", "ask QEMU what was written", { seen, needed });
}
