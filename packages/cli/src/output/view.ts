import { type DataClass, type View, views } from "@casemate/inspect";
import type { SeenView } from "../client/vm-source.ts";
import type { Output } from "./output.ts";

type AnyColumn = View<DataClass, Readonly<Record<string, unknown>>>["columns"][number];

/** A view as a table; a view of one item as a list of its fields. */
export function printView(seen: SeenView, output: Output): void {
  const view = views.find(({ id }) => id === seen.view);
  const columns = (view?.columns ?? []) as unknown as readonly AnyColumn[]; // they are this view's own
  const [only] = seen.items;
  if (seen.items.length === 1 && only !== undefined) {
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
}

/** The cell as text; a row that is not what its view makes shows its bare value. */
function renderCell(column: AnyColumn, item: Readonly<Record<string, unknown>>): string {
  return String(column.text?.(item) ?? item[column.key] ?? "-");
}
