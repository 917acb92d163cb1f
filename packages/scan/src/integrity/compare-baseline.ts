import { compareRows, type RowChange } from "../diff/compare-rows.ts";
import type { Missed } from "../missed.ts";
import type { Baseline, BaselineFile } from "./baseline.ts";

/** What differs from a baseline; what could not be looked at is not taken for gone. */
export function compareBaseline(
  { files }: Baseline,
  found: readonly BaselineFile[],
  missed: readonly Missed[],
): readonly RowChange<BaselineFile>[] {
  const unseen = missed.map(({ what }) => (what === "/" ? "" : what));
  const isUnseen = (path: string) =>
    unseen.some((what) => path === what || path.startsWith(`${what}/`));
  return compareRows(files, found, { key: ({ path }) => path }).filter(
    (change) => change.change !== "removed" || !isUnseen(change.before.path),
  );
}
