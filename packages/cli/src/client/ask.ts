import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { CasemateError } from "@casemate/core";

/** Questions to whoever types; on no terminal the answers are lines of standard input. */
export interface Questions extends Disposable {
  /** Throws `usage` where standard input has ended, `cancelled` at Ctrl-C and Ctrl-D. */
  ask(question: string): Promise<string>;
  /** What is typed is not shown. */
  askSecret(question: string): Promise<string>;
}

export function openQuestions(): Questions {
  const terminal = process.stdin.isTTY === true;
  let silent = false;
  const shown = new Writable({
    write(chunk, _encoding, done) {
      if (!silent) process.stderr.write(chunk);
      done();
    },
  });
  const lines = createInterface({ input: process.stdin, output: shown, terminal });
  const waiting = lines[Symbol.asyncIterator]();
  const ask = async (question: string) => {
    if (terminal) return await lines.question(question).catch(cancelled);
    const { value, done } = await waiting.next();
    if (done !== true) return String(value);
    throw new CasemateError(
      "usage",
      `Cannot ask for "${question.trim()}": standard input has ended, expected a line.`,
    );
  };
  return {
    ask,
    async askSecret(question) {
      if (!terminal) return await ask(question);
      process.stderr.write(question);
      silent = true;
      try {
        return await lines.question("").catch(cancelled);
      } finally {
        silent = false;
        process.stderr.write("\n");
      }
    },
    [Symbol.dispose]: () => lines.close(),
  };
}

function cancelled(cause: unknown): never {
  throw new CasemateError("cancelled", "Cannot go on without an answer: none was given.", {
    cause,
  });
}
