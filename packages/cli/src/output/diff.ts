import type { DiskDiff } from "@casemate/agent/diff-disks";
import type {
  BaselineFile,
  FileChange,
  InventoryRows,
  Missed,
  RowChange,
  Section,
  SectionName,
} from "@casemate/scan";
import { inventory, inventorySections } from "@casemate/scan/inventory";
import type { Output } from "./output.ts";
import { printable } from "./printable.ts";

/** What differs between two states for people: a table a section that differs, then files, then what was missed. */
export function printDiff(diff: DiskDiff<InventoryRows>, output: Output): void {
  const { subjects, before, after, changes, files = [] } = diff;
  const title = `${printable(subjects.before)} → ${printable(subjects.after)}`;
  output.text(`${output.style.strong(title)}: ${countDifferences(diff)} differences\n`);
  for (const name of inventorySections) printSection(name, changes[name], output);
  if (files.length > 0) {
    output.text(`\n${output.style.strong(`files: ${files.length}`)}\n`);
    output.table(
      [{ title: "CHANGE" }, { title: "WHAT" }, { title: "PATH" }],
      files.map((file) => [file.change, describeFileChange(file), file.path]),
    );
  }
  printMissed([...sided("before", before.missed), ...sided("after", after.missed)], output);
}

/** What differs from a baseline, for people. */
export function printBaselineChanges(
  changes: readonly RowChange<BaselineFile>[],
  missed: readonly Missed[],
  output: Output,
): void {
  if (changes.length === 0) output.text("Nothing differs from the baseline.\n");
  else {
    output.table(
      [{ title: "CHANGE" }, { title: "WHAT" }, { title: "PATH" }],
      changes.map((change) => [
        change.change,
        describeRowChange(change),
        (change.change === "removed" ? change.before : change.after).path,
      ]),
    );
  }
  printMissed(
    missed.map(({ what, reason }) => [what, reason]),
    output,
  );
}

/** How much differs: rows of sections, and files. */
export function countDifferences({
  changes,
  files = [],
}: Pick<DiskDiff<InventoryRows>, "changes" | "files">): number {
  return inventorySections.reduce((sum, name) => sum + (changes[name]?.length ?? 0), files.length);
}

function printSection<Name extends SectionName>(
  name: Name,
  changes: readonly RowChange<InventoryRows[Name]>[] = [],
  output: Output,
): void {
  if (changes.length === 0) return;
  const { title, columns }: Section<InventoryRows[Name]> = inventory[name];
  output.text(`\n${output.style.strong(`${title}: ${changes.length}`)}\n`);
  output.table(
    [{ title: "CHANGE" }, ...columns, { title: "WHAT" }],
    changes.map((change) => {
      const row = change.change === "removed" ? change.before : change.after;
      return [
        change.change,
        ...columns.map((column) => column.text(row)),
        describeRowChange(change),
      ];
    }),
  );
}

/** What of a row is not the same: `version: 1.1 was 1.0`. */
function describeRowChange<Row extends object>(change: RowChange<Row>): string {
  if (change.change === "added" || change.change === "removed") return "-";
  const [before, after] = [
    new Map(Object.entries(change.before)),
    new Map(Object.entries(change.after)),
  ];
  return change.differs
    .map((field) => `${field}: ${write(after.get(field))} was ${write(before.get(field))}`)
    .join("; ");
}

const write = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "none");

function describeFileChange(change: FileChange): string {
  switch (change.change) {
    case "added":
      return `${change.after.type} ${change.after.mode}`;
    case "removed":
      return `${change.before.type} ${change.before.mode}`;
    case "changed":
      return change.differs.join(", ");
    case "renamed":
      return `from ${change.from}`;
  }
}

const sided = (side: string, missed: readonly Missed[]) =>
  missed.map(({ what, reason }) => [`${side}: ${what}`, reason]);

function printMissed(rows: readonly (readonly string[])[], output: Output): void {
  if (rows.length === 0) return;
  output.text("\n");
  output.table([{ title: "NOT LOOKED AT" }, { title: "REASON" }], rows);
}
