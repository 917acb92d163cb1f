import { Argument, type Command, type Option } from "commander";
import type { Context } from "../context.ts";
import { buildProgram } from "../program.ts";

const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

export function configureCompletion(command: Command, context: Context): void {
  command
    .addArgument(new Argument("<shell>", "the shell to write it for").choices(shells))
    .addHelpText("after", "\nFor bash: casemate completion bash > /etc/bash_completion.d/casemate")
    .action(async (shell: Shell) => {
      const program = await buildProgram(context, () => true);
      context.output.text(renderCompletion(shell, walkWords(program, [])));
    });
}

/** The words that may follow a path of subcommands. */
interface Words {
  readonly path: readonly string[];
  readonly words: readonly string[];
}

function walkWords(command: Command, path: readonly string[]): Words[] {
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command).filter((inner) => inner.name() !== "help");
  const words = [
    ...subcommands.map((inner) => inner.name()),
    ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    ...help.visibleOptions(command).flatMap((option: Option) => option.long ?? []),
  ];
  return [
    { path, words },
    ...subcommands.flatMap((inner) => walkWords(inner, [...path, inner.name()])),
  ];
}

function renderCompletion(shell: Shell, all: readonly Words[]): string {
  switch (shell) {
    case "bash":
      return `_casemate() {\n${renderCases(all, "COMP_WORDS[@]:1:COMP_CWORD-1")}
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [ "\${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _casemate casemate ./casemate
`;
    case "zsh":
      return `#compdef casemate\n_casemate() {\n${renderCases(all, "words[2,CURRENT-1]")}
  compadd -- \${=found}
  _files
}
_casemate "$@"
`.replaceAll("words=", "found=");
    case "fish":
      return all.flatMap(({ path, words }) => words.map((word) => renderFish(path, word))).join("");
  }
}

/** Shell lines that put the words which fit the path typed so far into \`words\`. */
function renderCases(all: readonly Words[], typed: string): string {
  const cases = all
    .toSorted((a, b) => b.path.length - a.path.length)
    .map(({ path, words }) => `    "${path.join(" ")}"*) words="${words.join(" ")}" ;;`);
  return `  local typed="\${${typed}}" words\n  case "\${typed}" in\n${cases.join("\n")}\n  esac`;
}

function renderFish(path: readonly string[], word: string): string {
  const condition =
    path.length === 0
      ? "__fish_use_subcommand"
      : path.map((name) => `__fish_seen_subcommand_from ${name}`).join("; and ");
  const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`;
  return `complete -c casemate -n '${condition}' ${what}\n`;
}
