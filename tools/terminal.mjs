import { createInterface } from "node:readline/promises";

const live = process.stderr.isTTY === true;

/**
 * A line that shows how a long step goes on: redrawn in place on a terminal, printed once where there is none.
 */
export class ProgressLine {
  #title;
  #started = Date.now();
  #last = "";

  /** @param {string} title */
  constructor(title) {
    this.#title = title;
    if (!live) process.stderr.write(`${title} …\n`);
  }

  /**
   * @param {number | undefined} percent 0 to 100, where known
   * @param {string} detail
   */
  update(percent, detail = "") {
    if (!live) return;
    const width = 24;
    const filled = percent === undefined ? 0 : Math.round((Math.min(percent, 100) / 100) * width);
    const bar =
      percent === undefined ? "" : ` [${"#".repeat(filled)}${"·".repeat(width - filled)}]`;
    const columns = process.stderr.columns ?? 80;
    const line = `${this.#title}${bar} ${detail}`.slice(0, columns - 1);
    if (line === this.#last) return;
    this.#last = line;
    process.stderr.write(`\r\x1b[K${line}`);
  }

  /** @param {string} outcome */
  end(outcome = "done") {
    const seconds = ((Date.now() - this.#started) / 1000).toFixed(1);
    process.stderr.write(`${live ? "\r\x1b[K" : ""}${this.#title}: ${outcome} (${seconds} s)\n`);
  }
}

/**
 * Asks a yes-or-no question on the terminal; no terminal means no.
 * @param {string} question
 */
export async function confirm(question) {
  if (!process.stdin.isTTY || !live) return false;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = (await lines.question(`${question} [Y/n] `)).trim().toLowerCase();
    return answer === "" || answer === "y" || answer === "yes";
  } finally {
    lines.close();
  }
}
