import { CasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import { nbdError } from "./nbd-error.ts";
import {
  Command,
  EINVAL,
  EIO,
  HANDSHAKE_FLAGS,
  Info,
  MAGIC,
  MAX_OPTION,
  MAX_TRANSFER,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  Option,
  OptionReply,
  READ_ONLY_EXPORT,
  REPLY_MAGIC,
  REQUEST_MAGIC,
} from "./nbd-protocol.ts";
import type { SocketChannel, Wait } from "./socket-channel.ts";

const OPTION_HEADER_BYTES = 16;
const REQUEST_BYTES = 28;
const REPLY_BYTES = 16;

/**
 * The NBD server of an image file: what is at the other end of its socket reads the file's bytes and can do
 * nothing else. One message is answered at a time, when there is one.
 *
 * HOSTILE: the client may have been taken over by the image that it reads.
 */
export class FileExport {
  readonly #channel: SocketChannel;
  readonly #file: BlockReader;
  readonly #wait: Wait;
  readonly #block = Buffer.allocUnsafeSlow(REPLY_BYTES + MAX_TRANSFER);
  #stage: "flags" | "options" | "requests" = "flags";

  /** Greets the client. @param wait for its end of the socket alone. */
  constructor(channel: SocketChannel, file: BlockReader, wait: Wait) {
    this.#channel = channel;
    this.#file = file;
    this.#wait = wait;
    const greeting = Buffer.alloc(18);
    greeting.writeBigUInt64BE(MAGIC, 0);
    greeting.writeBigUInt64BE(OPTION_MAGIC, 8);
    greeting.writeUInt16BE(HANDSHAKE_FLAGS, 16);
    channel.send(greeting, wait);
  }

  /** Answers the client's next message. Throws `disk/unreadable` where it is none. */
  serve(): void {
    switch (this.#stage) {
      case "flags": {
        const flags = this.#receive(4).readUInt32BE(0);
        if (flags !== HANDSHAKE_FLAGS) throw unexpected(`flags ${flags}`);
        this.#stage = "options";
        return;
      }
      case "options":
        this.#serveOption();
        return;
      case "requests":
        this.#serveRequest();
        return;
    }
  }

  #serveOption(): void {
    const header = this.#receive(OPTION_HEADER_BYTES);
    const option = header.readUInt32BE(8);
    const length = header.readUInt32BE(12);
    if (header.readBigUInt64BE(0) !== OPTION_MAGIC || length > MAX_OPTION) {
      throw unexpected(`option ${option} of ${length} bytes`);
    }
    this.#receive(length);
    // There is one export, whatever its name.
    if (option === Option.go) {
      const size = Buffer.alloc(12);
      size.writeUInt16BE(Info.export, 0);
      size.writeBigUInt64BE(BigInt(this.#file.size), 2);
      size.writeUInt16BE(READ_ONLY_EXPORT, 10);
      this.#replyToOption(option, OptionReply.info, size);
      const blocks = Buffer.alloc(14);
      blocks.writeUInt16BE(Info.blockSize, 0);
      for (const [i, bytes] of [1, 4096, MAX_TRANSFER].entries()) {
        blocks.writeUInt32BE(bytes, 2 + i * 4);
      }
      this.#replyToOption(option, OptionReply.info, blocks);
      this.#stage = "requests";
    }
    const isKnown = option === Option.go || option === Option.abort;
    this.#replyToOption(option, isKnown ? OptionReply.ack : OptionReply.errUnsupported);
  }

  #replyToOption(option: number, reply: number, data: Buffer = Buffer.alloc(0)): void {
    const header = Buffer.alloc(20);
    header.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0);
    header.writeUInt32BE(option, 8);
    header.writeUInt32BE(reply, 12);
    header.writeUInt32BE(data.length, 16);
    this.#channel.send(Buffer.concat([header, data]), this.#wait);
  }

  #serveRequest(): void {
    const request = this.#receive(REQUEST_BYTES);
    const command = request.readUInt16BE(6);
    const offset = request.readBigUInt64BE(16);
    const length = request.readUInt32BE(24);
    if (request.readUInt32BE(0) !== REQUEST_MAGIC) throw unexpected("no request");
    if (command === Command.disconnect) return;
    const isRead = command === Command.read && length <= MAX_TRANSFER;
    const isWithin = offset + BigInt(length) <= BigInt(this.#file.size);
    let error = isRead && isWithin ? 0 : EINVAL;
    if (error === 0) {
      try {
        this.#file.read(Number(offset), this.#block.subarray(REPLY_BYTES, REPLY_BYTES + length));
      } catch (thrown) {
        if (!(thrown instanceof CasemateError)) throw thrown;
        error = EIO;
      }
    }
    this.#block.writeUInt32BE(REPLY_MAGIC, 0);
    this.#block.writeUInt32BE(error, 4);
    request.copy(this.#block, 8, 8, 16);
    const end = REPLY_BYTES + (error === 0 ? length : 0);
    this.#channel.send(this.#block.subarray(0, end), this.#wait);
  }

  #receive(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    this.#channel.receive(bytes, this.#wait);
    return bytes;
  }
}

function unexpected(seen: string): CasemateError {
  const needed = "what the NBD protocol has there";
  return nbdError("disk/unreadable", "serve qemu-storage-daemon", { seen, needed });
}
