import type { Ended } from "./control-plane.fixture.ts";

/** Does what is typed behind a prompt, as `olga$`. */
export type Type = (prompt: string, command: string) => Promise<Ended>;

const block = /(?<=^```console\n)[\s\S]*?(?=^```$)/gm;
const typed = /^(\w+[$#]) (.+)$/;

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/** What is another each time, and the words for it. */
const named: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`casemate\\.invalid/${uuid}\\+[0-9a-f]{8}\\+[\\w+/]+=*`, "g"), "KEY"],
  [new RegExp(`casemate\\.invalid/${uuid}`, "g"), "LEDGER"],
  [new RegExp(`(?<=requests show )${uuid}`, "g"), "REQUEST"],
  [new RegExp(`(?<=web01 \\(|\\bvm )${uuid}`, "g"), "VM"],
  [new RegExp(uuid, "g"), "ID"],
  [/^[0-9a-f]{12}(?= )|\b[0-9a-f]{32}\b/gm, "FINDING"],
  [/\b(?:[0-9a-f]{40}|[0-9a-f]{64})\b/g, "HASH"],
];
/** What nobody needs to tell apart. */
const plain: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?Z)?/g, "TIME"],
  [/\b0x[0-9a-f]{9,16}\b|\b[0-9a-f]{16}(?=\.bin\b)/g, "ADDRESS"],
  [/\b[\d.]+ (ms|µs)\b/g, "N $1"],
  [/\b\d+ of (\d+) checks\b/g, "N of $1 checks"],
  [/\b(\d+) of \1\b/g, "all"],
  [/\b(process|fact) \d+\b/gi, "$1 N"],
  [/\b\d+ (facts|more of them)\b/g, "N $1"],
  [/, \d+ more waits? for a checkpoint/g, ""],
  [/\b\d+ bytes\b/g, "N bytes"],
  [/\bfinding-[0-9a-f]{12}-\d+\b/g, "finding-N"],
  [/\bretried(?=, the VM was not paused)/g, "consistent"],
  [/\bvnet\d+\b/g, "vnetN"],
  [/\b\d+\.\d+\.\d+-\d+-cloud-amd64\b/g, "RELEASE"],
  [/(?<=\) on )\S+$/gm, "HOST"],
  [/\S+\/casemate-cli-\w+(?=\/pool\/)/g, ""],
  [/\bstarted at [\d.]+/g, "started at N"],
];

/**
 * A page whose `console` blocks have what their commands print now, one after another.
 *
 * What is another each time has a word instead, and commands in the page have those words too.
 */
export async function formatTranscript(page: string, type: Type): Promise<string> {
  const words = new Words();
  let text = "";
  let end = 0;
  for (const { 0: lines, index } of page.matchAll(block)) {
    text += page.slice(end, index);
    end = index + lines.length;
    for (const line of lines.split("\n")) {
      const [, prompt = "", command = ""] = typed.exec(line) ?? [];
      if (command === "") continue;
      const { code, stdout, stderr } = await type(prompt, words.put(command));
      // What goes to stderr of a command that does well is how far it is.
      const answer = align(words.take(code === 0 ? stdout : `${stdout}${stderr}`));
      text += [line, answer, ...(code === 0 ? [] : [`(exits with ${code})`])]
        .filter((each) => each !== "")
        .map((each) => `${each}\n`)
        .join("");
    }
  }
  return text + page.slice(end);
}

/** What stands for what. */
class Words {
  readonly #wordOf = new Map<string, string>();

  /** The text with words for what is another each time. */
  take(text: string): string {
    let taken = text;
    for (const [pattern, word] of named) {
      taken = taken.replace(pattern, (seen) => this.#name(seen, word));
    }
    for (const [pattern, word] of plain) taken = taken.replace(pattern, word);
    return taken;
  }

  /** The text with what the words stand for. */
  put(text: string): string {
    let whole = text;
    for (const [seen, word] of this.#wordOf) whole = whole.replaceAll(word, seen);
    return whole;
  }

  #name(seen: string, word: string): string {
    // A finding is shown by its first digits, too.
    const known = [...this.#wordOf].find(
      ([each, name]) => name.startsWith(word) && (each.startsWith(seen) || seen.startsWith(each)),
    );
    if (known !== undefined) return known[1];
    const count = [...this.#wordOf.values()].filter((each) => each.startsWith(word)).length;
    const name = `${word}-${count + 1}`;
    this.#wordOf.set(seen, name);
    return name;
  }
}

/** Has the columns of tables stand below each other again, left. */
function align(text: string): string {
  const rows = text.split("\n").map((line) => line.trimEnd().split(/(?<=\S) {2,}/));
  const lines: string[] = [];
  for (let at = 0; at < rows.length; ) {
    const isTable = (rows[at]?.length ?? 0) > 1;
    const after = rows.findIndex((row, index) => index > at && row.length > 1 !== isTable);
    const end = after === -1 ? rows.length : after;
    const table = rows.slice(at, end);
    const columns = Math.max(...table.map(({ length }) => length));
    const widths = Array.from({ length: columns }, (_, column) =>
      Math.max(...table.map((row) => row[column]?.length ?? 0)),
    );
    for (const row of table) {
      lines.push(
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd(),
      );
    }
    at = end;
  }
  return lines.join("\n").trimEnd();
}
