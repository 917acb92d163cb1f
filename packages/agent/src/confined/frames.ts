import { CasemateError, MiB } from "@casemate/core";

/** Length before each JSON text: 32 bits, little-endian. */
export const headBytes = 4;

/** The longest frame either side takes, in bytes: a table of 100,000 processes fits. */
export const maxFrameBytes = 64 * MiB;

/** A value as one frame: its length in bytes, then its JSON text in UTF-8. */
export function encodeFrame(value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value));
  const frame = Buffer.allocUnsafe(headBytes + text.length);
  frame.writeUInt32LE(text.length);
  text.copy(frame, headBytes);
  return frame;
}

/**
 * The frames of a stream, parsed but not yet checked; ends with the stream.
 *
 * HOSTILE: a process that reads what guests control may be in a guest's hands. Throws `inspect/crashed` for
 * what is no frame.
 *
 * @param from who writes them, for errors: `inspector`.
 */
export async function* walkFrames(
  stream: AsyncIterable<Buffer>,
  from: string,
): AsyncGenerator<unknown> {
  let chunks: Buffer[] = [];
  let held = 0;
  let wanted = headBytes;
  let inBody = false;
  for await (const chunk of stream) {
    chunks.push(chunk);
    held += chunk.length;
    while (held >= wanted) {
      const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, held);
      const part = bytes.subarray(0, wanted);
      chunks = [bytes.subarray(wanted)];
      held -= wanted;
      if (inBody) {
        yield parseJson(part, from);
        wanted = headBytes;
      } else {
        wanted = part.readUInt32LE();
        if (wanted > maxFrameBytes) {
          throw broken(from, `a frame of ${wanted} bytes`, `at most ${maxFrameBytes}`);
        }
      }
      inBody = !inBody;
    }
  }
  if (held > 0 || inBody) throw broken(from, "the end of the stream inside a frame", "a whole one");
}

function parseJson(text: Buffer, from: string): unknown {
  try {
    return JSON.parse(text.toString("utf8"));
  } catch (cause) {
    throw broken(from, "a frame that is not JSON", "JSON", cause);
  }
}

function broken(from: string, seen: string, needed: string, cause?: unknown): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    `Cannot read what the ${from} says: ${seen}, expected ${needed}.`,
    { cause },
  );
}
