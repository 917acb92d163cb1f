import { decodeText } from "../../decode-text.ts";
import { AnswerValue, unfit } from "./answer-value.ts";

/** HOSTILE: a file of /proc with more lines than this is none. */
const MAX_LINES = 100_000;

/** Lines of a text file that an agent read, and whether they are all. */
export interface FileLines {
  readonly lines: readonly string[];
  readonly isWhole: boolean;
}

/** Parses what `guest-file-read` returned. Throws `inspect/agent-answer`. */
export function parseFileLines(answer: string): FileLines {
  const read = AnswerValue.parse(answer);
  const bytes = read.member("buf-b64").bytes();
  if (read.member("count").count() !== bytes.length) throw unfit("another count of bytes");
  // Older agents leave it out where it is not yet reached.
  const isWhole = read.has("eof") && read.member("eof").truth();
  return { lines: splitLines(bytes), isWhole };
}

/** Parses what a program wrote that the agent ran, `guest-exec-status`. Throws `inspect/agent-answer`. */
export function parseProgramLines(answer: string): FileLines {
  const status = AnswerValue.parse(answer);
  if (!status.member("exited").truth()) throw unfit("a program that runs on");
  if (status.member("exitcode").count() !== 0) throw unfit("a program that failed");
  const isCut = status.has("out-truncated") && status.member("out-truncated").truth();
  return { lines: splitLines(status.member("out-data").bytes()), isWhole: !isCut };
}

function splitLines(bytes: Buffer): readonly string[] {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    if (lines.length === MAX_LINES) throw unfit("too many lines");
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    lines.push(decodeText(bytes.subarray(start, end)));
    start = end + 1;
  }
  return lines;
}
