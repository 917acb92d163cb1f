/** What a command in the guest wrote (both streams) and how it ended. */
export interface CommandResult {
  readonly output: string;
  readonly exitCode: number;
}

/** Begins each of our markers; the shell's `printf` makes it, so that an echo of what was typed never holds it. */
const mark = "\u0001";

/** The line that makes the guest's shell run a command between two markers that hold `id`. */
export function encodeCommand(id: string, command: string): string {
  const quoted = `'${command.replaceAll("'", `'\\''`)}'`;
  return (
    `printf '\\001begin ${id}\\n'; (eval ${quoted}) </dev/null 2>&1; ` +
    `printf '\\001end ${id} %d\\n' $?\n`
  );
}

/** The result of command `id` in what the console said so far; `undefined` while it is not whole. */
export function parseResult(id: string, said: string): CommandResult | undefined {
  const begin = `${mark}begin ${id}\n`;
  const start = said.indexOf(begin);
  if (start < 0) return undefined;
  const rest = said.slice(start + begin.length);
  const end = new RegExp(`${mark}end ${id} (\\d+)\n`).exec(rest);
  if (end === null) return undefined;
  return { output: rest.slice(0, end.index), exitCode: Number(end[1]) };
}

/**
 * A line that any shell answers with `parseProbe`'s text. It has no quotes, because the guest may get
 * only its end; and an echo of it is not its answer.
 */
export function encodeProbe(number: number): string {
  return `echo casemate-$((${number - 1}+1))-ready\n`;
}

/** The highest probe number that was answered. */
export function parseProbe(said: string): number | undefined {
  const answers = [...said.matchAll(/casemate-(\d+)-ready/g)].map((answer) => Number(answer[1]));
  return answers.length === 0 ? undefined : Math.max(...answers);
}
