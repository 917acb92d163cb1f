import type { ViewTable } from "@casemate/agent";
import { apiVersion } from "@casemate/core";
import type { View } from "./contract/view.ts";

/** The view as it is shown. */
export function showView(table: ViewTable): View {
  const { view, subject, takenAt, elapsedMs, consistency, damaged, paused, items } = table;
  const { id, kind, columns } = view;
  return {
    ...{ apiVersion, kind, view: id, subject, takenAt: takenAt.toISOString() },
    ...{ elapsedMs, consistency, ...(paused === undefined ? {} : { paused }) },
    damaged: [...damaged],
    columns: columns.map(({ key, title, align = "left" }) => ({ key, title, align })),
    items: [...items],
  };
}
