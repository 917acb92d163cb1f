import type { CasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import { nbdError } from "./nbd-error.ts";
import {
  Command,
  HANDSHAKE_FLAGS,
  Info,
  MAGIC,
  MAX_OPTION,
  MAX_TRANSFER,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  Option,
  OptionReply,
  REPLY_MAGIC,
  REQUEST_MAGIC,
} from "./nbd-protocol.ts";
import type { SocketChannel, Wait } from "./socket-channel.ts";

/** More informations than there are kinds of, in one answer. */
const MAX_INFOS = 16;

/**
 * The disk that an NBD server exports, read in this thread.
 *
 * HOSTILE: the server, which the image that it reads may have taken over: its answers are checked, and none
 * of them makes this read or keep more than was asked for.
 */
export class NbdClient implements BlockReader {
  readonly size: number;
  readonly #channel: SocketChannel;
  readonly #wait: Wait;
  readonly #request = Buffer.alloc(28);
  readonly #reply = Buffer.alloc(16);
  #cookie = 0n;

  /** Shakes hands. Throws `disk/unreadable`, and what `wait` throws. @param name of the export. */
  constructor(channel: SocketChannel, name: string, wait: Wait) {
    this.#channel = channel;
    this.#wait = wait;
    const greeting = this.#receive(18);
    const isFixedNewstyle = (greeting.readUInt16BE(16) & HANDSHAKE_FLAGS) === HANDSHAKE_FLAGS;
    const isGreeting =
      greeting.readBigUInt64BE(0) === MAGIC && greeting.readBigUInt64BE(8) === OPTION_MAGIC;
    if (!isGreeting || !isFixedNewstyle) throw unexpected("a greeting of another protocol");
    const flags = Buffer.alloc(4);
    flags.writeUInt32BE(HANDSHAKE_FLAGS);
    channel.send(Buffer.concat([flags, formatGo(name)]), wait);
    this.size = this.#receiveSize();
  }

  read(offset: number, target: Uint8Array): void {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + target.length > this.size) {
      throw nbdError("disk/truncated", "read a disk", {
        seen: `${this.size} bytes are there`,
        needed: `${target.length} at byte ${offset}`,
      });
    }
    for (let done = 0; done < target.length; done += MAX_TRANSFER) {
      this.#readPart(offset + done, target.subarray(done, done + MAX_TRANSFER));
    }
  }

  #readPart(offset: number, part: Uint8Array): void {
    this.#cookie += 1n;
    const request = this.#request;
    request.writeUInt32BE(REQUEST_MAGIC, 0);
    request.writeUInt16BE(Command.read, 6);
    request.writeBigUInt64BE(this.#cookie, 8);
    request.writeBigUInt64BE(BigInt(offset), 16);
    request.writeUInt32BE(part.length, 24);
    this.#channel.send(request, this.#wait);
    const reply = this.#reply;
    this.#channel.receive(reply, this.#wait);
    if (reply.readUInt32BE(0) !== REPLY_MAGIC || reply.readBigUInt64BE(8) !== this.#cookie) {
      throw unexpected("no answer to what was asked");
    }
    const error = reply.readUInt32BE(4);
    if (error !== 0) {
      throw nbdError("disk/damaged", `read a disk at byte ${offset}`, {
        seen: `qemu-storage-daemon says error ${error}`,
        needed: `${part.length} bytes`,
      });
    }
    this.#channel.receive(part, this.#wait);
  }

  #receiveSize(): number {
    let size: number | undefined;
    for (let infos = 0; infos < MAX_INFOS; infos += 1) {
      const header = this.#receive(20);
      const type = header.readUInt32BE(12);
      const length = header.readUInt32BE(16);
      const isReply =
        header.readBigUInt64BE(0) === OPTION_REPLY_MAGIC && header.readUInt32BE(8) === Option.go;
      if (!isReply || length > MAX_OPTION) throw unexpected(`a reply of ${length} bytes`);
      const data = this.#receive(length);
      if (type === OptionReply.ack && size !== undefined) return size;
      if (type !== OptionReply.info) throw unexpected(`reply ${type}: ${data.toString("latin1")}`);
      if (length >= 12 && data.readUInt16BE(0) === Info.export) {
        size = Number(data.readBigUInt64BE(2));
        if (!Number.isSafeInteger(size)) throw unexpected(`a size of ${size}`);
      }
    }
    throw unexpected(`${MAX_INFOS} informations`);
  }

  #receive(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    this.#channel.receive(bytes, this.#wait);
    return bytes;
  }
}

/** `NBD_OPT_GO`: the export's name, and no information asked for but what is told anyway. */
function formatGo(name: string): Buffer {
  const bytes = Buffer.from(name);
  const option = Buffer.alloc(22 + bytes.length);
  option.writeBigUInt64BE(OPTION_MAGIC, 0);
  option.writeUInt32BE(Option.go, 8);
  option.writeUInt32BE(6 + bytes.length, 12);
  option.writeUInt32BE(bytes.length, 16);
  bytes.copy(option, 20);
  return option;
}

function unexpected(seen: string): CasemateError {
  const needed = "what the NBD protocol has there";
  return nbdError("disk/unreadable", "talk to qemu-storage-daemon", { seen, needed });
}
