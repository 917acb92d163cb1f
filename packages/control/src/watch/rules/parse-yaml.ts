import type { Static, TSchema } from "typebox";
import { Value } from "typebox/value";
import { type Document, isNode, LineCounter, parseDocument } from "yaml";
import type { RuleFile, RuleProblem } from "./rule.ts";

/** A YAML file that is of its schema. */
export interface ParsedFile<Schema extends TSchema> {
  readonly value: Static<Schema>;
  /** The line of what is at that path of keys and indexes. */
  lineOf(path: readonly (string | number)[]): number;
}

/** The file as a value, or what is wrong with it. */
export function parseYaml<Schema extends TSchema>(
  { name: file, text }: RuleFile,
  schema: Schema,
): ParsedFile<Schema> | readonly RuleProblem[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: true });
  if (document.errors.length > 0) {
    return document.errors.map(({ message, linePos }) => ({
      file,
      line: linePos?.[0].line ?? 1,
      sentence: message.split("\n")[0] ?? message,
    }));
  }
  const lineOf = (path: readonly (string | number)[]) => findLine(document, lines, path);
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (Value.Check(schema, value)) return { value, lineOf };
  return Value.Errors(schema, value)
    .slice(0, 10)
    .map(({ instancePath, message }) => {
      const path = instancePath.split("/").slice(1);
      const place = path.length === 0 ? "it" : path.join(".");
      return { file, line: lineOf(path), sentence: `${place} ${message}` };
    });
}

/** The line of the nearest thing around that path that stands in the text. */
function findLine(
  document: Document.Parsed,
  lines: LineCounter,
  path: readonly (string | number)[],
): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
