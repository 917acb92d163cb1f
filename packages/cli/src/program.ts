import { CasemateError } from "@casemate/core";
import { Command, CommanderError } from "commander";
import { type CommandEntry, commands } from "./commands.ts";
import type { Context } from "./context.ts";

/**
 * Runs the command that `argv` (without node and script) names.
 *
 * Throws `usage` for what no command takes, and whatever the command throws.
 */
export async function runProgram(argv: readonly string[], context: Context): Promise<void> {
  const wanted = argv.find((word) => !word.startsWith("-"));
  if (wanted !== undefined && wanted !== "help" && !commands.some(({ name }) => name === wanted)) {
    throw new CasemateError(
      "usage",
      `Cannot run \`casemate ${wanted}\`: there is no such command, expected one of ${commands.map(({ name }) => name).join(", ")}.`,
      { next: "Run `casemate --help` to see what each does." },
    );
  }
  const program = await buildProgram(context, ({ name }) => name === wanted);
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return; // help and version are answers, not errors
    throw new CasemateError("usage", sentenceOf(argv, thrown), { cause: thrown });
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
    if (isWanted(entry)) (await entry.load())(command, context);
  }
  program.action(() => program.outputHelp());
  return program;
}

function sentenceOf(argv: readonly string[], error: CommanderError): string {
  const seen = error.message
    .replace(/^error: /, "")
    .replace(/\.?\s*$/, "")
    .replaceAll(/\s*\n\s*/g, " ");
  return `Cannot run \`casemate ${argv.join(" ")}\`: ${seen}.`;
}
