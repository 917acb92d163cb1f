import { CasemateError } from "@casemate/core";
import { type DataClass, type View, views } from "@casemate/inspect";

/** A view of which only the rows' own code knows what a row is. */
export type InspectableView = View<DataClass, Readonly<Record<string, unknown>>>;

/** The view called `id`. Throws `usage` when there is none. */
export function inspectableView(id: string): InspectableView {
  const view = views.find((each) => each.id === id);
  if (view === undefined) {
    const known = views.map((each) => each.id).join(", ");
    throw new CasemateError(
      "usage",
      `Cannot read view ${id}: there is none of this name, expected one of ${known}.`,
    );
  }
  return view as unknown as InspectableView; // its own columns are only ever given its own rows
}
