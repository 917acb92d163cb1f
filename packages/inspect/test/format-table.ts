/** Rows as a table of Markdown whose columns are aligned; the first is its head. */
export function formatTable(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const line = (cells: readonly string[], fill: string) =>
    `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width, fill)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head, " "), line([], "-"), ...body.map((row) => line(row, " "))];
}
