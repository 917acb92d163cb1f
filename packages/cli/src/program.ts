import { CasemateError } from "@casemate/core";
import { Command, CommanderError } from "commander";
import { type CommandEntry, commands } from "./commands.ts";
import type { Context } from "./context.ts";

/**
 * Runs the command that `words`, what stands after the program on the command line, name.
 *
 * Throws `usage` for what no command takes, and whatever the command throws.
 */
export async function runProgram(words: readonly string[], context: Context): Promise<void> {
  const argv = words[0] === "help" ? [...words.slice(1), "--help"] : words;
  const wanted = argv.find((word) => !word.startsWith("-"));
  if (wanted !== undefined && !commands.some(({ name }) => name === wanted)) {
    throw noSuchCommand("casemate", wanted, commands);
  }
  const program = await buildProgram(context, ({ name }) => name === wanted);
  verifyNamed(program, argv);
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return; // help and version are answers, not errors
    throw new CasemateError("usage", sentenceOf(words, thrown), { cause: thrown });
  }
}

/** The command tree; only the entries that `isWanted` picks are loaded, the others are names. */
export async function buildProgram(
  context: Context,
  isWanted: (entry: CommandEntry) => boolean,
): Promise<Command> {
  const program = new Command("casemate")
    .description("Security for virtual machines, from outside the machine.")
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => context.output.text(text), writeErr: () => {} })
    .helpCommand("help [command]", "the help of a command")
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 failed, 2 suspicious, 3 inconclusive, 4 denied, 64 wrong usage.",
    );
  for (const entry of commands) {
    const command = program.command(entry.name).description(entry.summary);
    if (!isWanted(entry)) continue;
    (await entry.load())(command, context);
    // Who names a group alone asks what is in it.
    if (command.commands.length > 0) command.action(() => command.outputHelp());
  }
  program.action(() => program.outputHelp());
  return program;
}

/** Throws `usage` where a command that has others has none of the name that follows it. */
function verifyNamed(program: Command, argv: readonly string[]): void {
  let command = program;
  let path = program.name();
  for (const word of argv.filter((each) => !each.startsWith("-"))) {
    if (command.commands.length === 0) return;
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) {
      const known = command.commands.map((each) => ({ name: each.name() }));
      throw noSuchCommand(path, word, known);
    }
    command = next;
    path = `${path} ${word}`;
  }
}

function noSuchCommand(
  path: string,
  word: string,
  known: readonly Pick<CommandEntry, "name">[],
): CasemateError {
  return new CasemateError(
    "usage",
    `Cannot run \`${path} ${word}\`: there is no such command, expected one of ${known.map(({ name }) => name).join(", ")}.`,
    { next: `Run \`${path} --help\` to see what each does.` },
  );
}

function sentenceOf(argv: readonly string[], error: CommanderError): string {
  const seen = error.message
    .replace(/^error: /, "")
    .replace(/\.?\s*$/, "")
    .replaceAll(/\s*\n\s*/g, " ");
  return `Cannot run \`casemate ${argv.join(" ")}\`: ${seen}.`;
}
