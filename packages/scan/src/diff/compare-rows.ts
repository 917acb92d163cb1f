import type { Section } from "../section.ts";

/** What became of a row from one state of a system to another. */
export type RowChange<Row extends object> =
  | { readonly change: "added"; readonly after: Row }
  | { readonly change: "removed"; readonly before: Row }
  | {
      readonly change: "changed" | "upgraded" | "downgraded";
      /** The fields that are not the same, in their order. */
      readonly differs: readonly string[];
      readonly before: Row;
      readonly after: Row;
    };

/** What differs between the rows of a section in two states, by its key; rows that are the same are not told of. */
export function compareRows<Row extends object>(
  before: readonly Row[],
  after: readonly Row[],
  { key = writeRow, order }: Pick<Section<Row>, "key" | "order">,
): readonly RowChange<Row>[] {
  const olds = Map.groupBy(before, key);
  const news = Map.groupBy(after, key);
  const changes: RowChange<Row>[] = [];
  for (const name of new Set([...olds.keys(), ...news.keys()])) {
    const [gone, come] = withoutSame(olds.get(name) ?? [], news.get(name) ?? []);
    const [old, ...moreGone] = gone;
    const [fresh, ...moreCome] = come;
    // Of several with one key nobody can tell which became which.
    if (old !== undefined && fresh !== undefined && moreGone.length + moreCome.length === 0) {
      changes.push(describeChange(old, fresh, order?.(old, fresh)));
      continue;
    }
    for (const row of gone) changes.push({ change: "removed", before: row });
    for (const row of come) changes.push({ change: "added", after: row });
  }
  return changes;
}

function describeChange<Row extends object>(
  before: Row,
  after: Row,
  order: number | undefined = 0,
): RowChange<Row> {
  const olds = new Map<string, unknown>(Object.entries(before));
  const news = new Map<string, unknown>(Object.entries(after));
  const names = [...new Set([...olds.keys(), ...news.keys()])];
  const differs = names.filter((name) => writeRow(olds.get(name)) !== writeRow(news.get(name)));
  const change = order < 0 ? "upgraded" : order > 0 ? "downgraded" : "changed";
  return { change, differs, before, after };
}

/** Each side without what the other has, too. */
function withoutSame<Row>(before: readonly Row[], after: readonly Row[]) {
  const counts = new Map<string, number>();
  for (const row of after) {
    const text = writeRow(row);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const gone = before.filter((row) => !takeOne(counts, writeRow(row)));
  const come = after.filter((row) => takeOne(counts, writeRow(row)));
  return [gone, come] as const;
}

function takeOne(counts: Map<string, number>, text: string): boolean {
  const count = counts.get(text) ?? 0;
  if (count > 0) counts.set(text, count - 1);
  return count > 0;
}

/** Rows are plain JSON, their fields always in one order. */
const writeRow = (row: unknown): string => JSON.stringify(row) ?? "";
