import { renderJson, renderLine, renderValue } from "./json.ts";
import { printable } from "./printable.ts";
import { type Style, styleFor } from "./style.ts";
import { renderTable, type TableColumn } from "./table.ts";

/** Where a command's answers go: stdout, for people or as JSON. */
export interface Output {
  readonly json: boolean;
  readonly style: Style;
  /** Text that Casemate wrote itself; whatever came from elsewhere must be printable already. */
  text(text: string): void;
  table(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): void;
  document(kind: string, fields: object): void;
  /** A document as one line of JSON, where there are many of them without an end. */
  line(document: object): void;
  /** JSON of somebody else's format. */
  value(value: object): void;
  /** A guest's own bytes, as they are; a terminal gets them as text that cannot steer it. HOSTILE. */
  contents(bytes: Uint8Array): void;
}

/** Output to `stream`, in colour if it is a terminal that shows it. */
export function outputTo(
  stream: NodeJS.WriteStream,
  options: { readonly json: boolean; readonly noColour: boolean; readonly terminal: string },
): Output {
  const colour = stream.isTTY === true && !options.noColour && options.terminal !== "dumb";
  const style = styleFor(colour);
  // What goes elsewhere than to a terminal keeps a row in a line.
  const width = () => (stream.isTTY === true ? stream.columns : undefined);
  return {
    json: options.json,
    style,
    text: (text) => void stream.write(text),
    table: (columns, rows) => void stream.write(renderTable(columns, rows, style, width())),
    document: (kind, fields) => void stream.write(renderJson(kind, fields)),
    line: (document) => void stream.write(renderLine(document)),
    value: (value) => void stream.write(renderValue(value)),
    contents: (bytes) => void stream.write(stream.isTTY === true ? renderText(bytes) : bytes),
  };
}

/** Bytes as lines of text. */
function renderText(bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString("utf8").split("\n");
  return `${lines.map(printable).join("\n").trimEnd()}\n`;
}
