/** One policy of a file, as it is written, and where. */
export interface Statement {
  readonly text: string;
  /** Where `text` starts in the file, in UTF-16 units. */
  readonly offset: number;
}

// In Cedar's grammar (docs.cedarpolicy.com/policies/syntax-grammar.html) a semicolon outside strings and
// comments ends a policy, and stands nowhere else.
const token = /\/\/[^\n]*|"(?:[^"\\]|\\[\s\S])*"|;|\s+|[^\s;"/]+|["/]/g;

/** The policies of a file, each from its first annotation or word to its semicolon; what follows the last is one more. */
export function splitStatements(text: string): readonly Statement[] {
  const statements: Statement[] = [];
  let start: number | undefined;
  for (const { 0: word, index } of text.matchAll(token)) {
    const isSilent = word.startsWith("//") || word.trim() === "";
    if (start === undefined && !isSilent) start = index;
    if (word !== ";" || start === undefined) continue;
    statements.push({ text: text.slice(start, index + 1), offset: start });
    start = undefined;
  }
  if (start !== undefined) statements.push({ text: text.slice(start), offset: start });
  return statements;
}

/** The line that offset `offset` (UTF-16 units) stands on, from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
