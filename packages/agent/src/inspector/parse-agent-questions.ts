import { type AgentQuestion, isAgentQuestion } from "@casemate/inspect";
import type { Unfit } from "../confined/parse-row.ts";
import { parserThatThrows, type ValueParser } from "../confined/parse-values.ts";

/** No interview asks for more at one go. */
const MAX_QUESTIONS = 5_000;

/** What an agent in a guest is to be asked. HOSTILE: the inspector may be in a guest's hands. Throws `unfit`. */
export function parseAgentQuestions(value: unknown, unfit: Unfit): readonly AgentQuestion[] {
  const parse = parserThatThrows(unfit);
  return parse.list(value, MAX_QUESTIONS).map((each) => {
    const question = parseQuestion(parse, parse.record(each));
    if (!isAgentQuestion(question)) throw unfit("a question that no detector asks");
    return question;
  });
}

function parseQuestion(
  parse: ValueParser,
  { ask, path, bytes }: Readonly<Record<string, unknown>>,
): AgentQuestion {
  const word = parse.word(ask, ["file", "processes", "interfaces"]);
  if (word !== "file") return { ask: word };
  return { ask: word, path: parse.text(path), bytes: parse.number(bytes) };
}
