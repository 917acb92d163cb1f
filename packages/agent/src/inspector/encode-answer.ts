import { formatBytes } from "@casemate/core";
import { encodeFrame, headBytes, maxFrameBytes } from "../confined/frames.ts";
import type { InspectorAnswer } from "./messages.ts";

/** Text that is put together before it becomes bytes, in characters. */
const batchLength = 64 * 1024;

/**
 * The answer as one frame; rows that no frame can hold become an error of `inspect/budget`.
 *
 * HOSTILE: a guest may have any number of rows. They are encoded bit by bit, so that those of the largest
 * frame do not take a multiple of it.
 */
export function encodeAnswer(answer: InspectorAnswer): Buffer {
  if (!("items" in answer)) return encodeFrame(answer);
  const { items, ...rest } = answer;
  const pieces: Buffer[] = [Buffer.alloc(headBytes)];
  let length = 0;
  let text = `${JSON.stringify(rest).slice(0, -1)},"items":[`;
  const flush = () => {
    const piece = Buffer.from(text);
    pieces.push(piece);
    length += piece.length;
    text = "";
  };
  for (const [index, item] of items.entries()) {
    text += index === 0 ? JSON.stringify(item) : `,${JSON.stringify(item)}`;
    if (text.length < batchLength) continue;
    flush();
    if (length > maxFrameBytes) return encodeFrame({ error: tooLarge(items.length) });
  }
  text += "]}";
  flush();
  if (length > maxFrameBytes) return encodeFrame({ error: tooLarge(items.length) });
  pieces[0]?.writeUInt32LE(length);
  return Buffer.concat(pieces);
}

function tooLarge(rows: number) {
  const message = `Cannot send ${rows} rows: they take more than ${formatBytes(maxFrameBytes)}, expected less.`;
  return { code: "inspect/budget", message } as const; // the error's own code
}
