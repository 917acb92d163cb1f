import { printable } from "./printable.ts";
import type { Style } from "./style.ts";
import { textWidth } from "./text-width.ts";
import { wrapText } from "./wrap-text.ts";

/** A column for people: its title, and on which side its values stand. */
export interface TableColumn {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Between two columns. */
const GAP = "  ";
/** Narrower than this no column gets: then the terminal breaks the lines. */
const LEAST_WIDTH = 16;

/**
 * A table as lines of text, two spaces between the columns. Where it would be wider than `width` columns of a
 * terminal, its widest cells take several lines.
 *
 * HOSTILE: cells may hold anything; none of it reaches the terminal as it is.
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  style: Style,
  width = Number.POSITIVE_INFINITY,
): string {
  const cells = rows.map((row) => row.map(printable));
  const natural = columns.map(({ title }, i) =>
    cells.reduce((most, row) => Math.max(most, textWidth(row[i] ?? "")), textWidth(title)),
  );
  const widths = fitWidths(natural, width - GAP.length * (columns.length - 1));
  const line = (texts: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const text = texts[i] ?? "";
        const padding = " ".repeat(Math.max(0, (widths[i] ?? 0) - textWidth(text)));
        return align === "right" ? padding + text : text + padding;
      })
      .join(GAP)
      .trimEnd();
  const title = style.strong(line(columns.map((column) => column.title)));
  return [title, ...cells.flatMap((row) => wrapRow(row, widths).map(line)), ""].join("\n");
}

/** Widths of columns that take `room` in all: the widest give way, to one width. */
function fitWidths(natural: readonly number[], room: number): readonly number[] {
  let left = room;
  let others = natural.length;
  let most = Number.POSITIVE_INFINITY;
  for (const each of natural.toSorted((a, b) => a - b)) {
    if (each * others > left) {
      most = Math.max(LEAST_WIDTH, Math.floor(left / others));
      break;
    }
    left -= each;
    others -= 1;
  }
  return natural.map((each) => Math.min(each, most));
}

/** The lines of a row whose cells are to be as wide as their columns. */
function wrapRow(row: readonly string[], widths: readonly number[]): readonly string[][] {
  const wrapped = row.map((text, i) => wrapText(text, widths[i] ?? 0));
  const height = Math.max(1, ...wrapped.map(({ length }) => length));
  return Array.from({ length: height }, (_, i) => wrapped.map((lines) => lines[i] ?? ""));
}
