import { printable } from "./printable.ts";
import type { Style } from "./style.ts";
import { textWidth } from "./text-width.ts";

/** A column for people: its title, and on which side its values stand. */
export interface TableColumn {
  readonly title: string;
  readonly align?: "left" | "right";
}

/**
 * A table as lines of text, two spaces between the columns.
 *
 * HOSTILE: cells may hold anything; none of it reaches the terminal as it is.
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = columns.map(({ title }, i) =>
    cells.reduce((most, row) => Math.max(most, textWidth(row[i] ?? "")), textWidth(title)),
  );
  const line = (texts: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const text = texts[i] ?? "";
        const padding = " ".repeat((widths[i] ?? 0) - textWidth(text));
        return align === "right" ? padding + text : text + padding;
      })
      .join("  ")
      .trimEnd();
  const title = style.strong(line(columns.map((column) => column.title)));
  return [title, ...cells.map(line), ""].join("\n");
}
