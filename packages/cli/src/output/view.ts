import { type AnyView, views } from "@casemate/inspect";
import type { SeenView } from "../client/vm-source.ts";
import type { Output } from "./output.ts";

type AnyColumn = AnyView["columns"][number];

/** A list view as a table; any other as the fields of its one item. What is damaged comes below. */
export function printView(seen: SeenView, output: Output): void {
  const view = views.find(({ id }) => id === seen.view);
  const columns = view?.columns ?? [];
  const [only] = seen.items;
  if (only !== undefined && !seen.kind.endsWith("List")) {
    output.table(
      [{ title: "FIELD" }, { title: "VALUE" }],
      columns.map((column) => [column.title, renderCell(column, only)]),
    );
  } else {
    output.table(
      columns,
      seen.items.map((item) => columns.map((column) => renderCell(column, item))),
    );
  }
  if (seen.damaged.length === 0) return;
  output.text("\n");
  output.table(
    [{ title: "DAMAGED, NOT SHOWN ABOVE" }, { title: "REASON" }],
    seen.damaged.map(({ object, reason }) => [object, reason]),
  );
}

/** The cell as text; a row that is not what its view makes shows its bare value. */
function renderCell(column: AnyColumn, item: Readonly<Record<string, unknown>>): string {
  return String(column.text?.(item) ?? item[column.key] ?? "-");
}
