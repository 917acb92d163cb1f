import type { VmScanRows } from "@casemate/agent";
import type { DiskScan } from "@casemate/agent/scan-disks";
import { formatBytes } from "@casemate/core";
import type { Amount, Found, ScanReport, Section, Sections } from "@casemate/scan";
import { inventorySections, inventoryTables } from "@casemate/scan/inventory-tables";
import { runningSectionNames, runningTables } from "@casemate/scan/running-tables";
import type { Output } from "./output.ts";
import { printable } from "./printable.ts";
import { printVulnerabilities } from "./vulnerabilities.ts";

type Scan = DiskScan<VmScanRows> & Pick<ScanReport, "vulnerabilities">;

/** What runs is told first: it is what there is to do at once. */
const sections: Sections<VmScanRows> = { ...runningTables, ...inventoryTables };
const names: readonly (keyof VmScanRows)[] = [...runningSectionNames, ...inventorySections];

/** More rows of a section than this are told by their number, unless they were asked for. */
const MOST_ROWS = 25;
/** More than this of what was missed does not help anybody to see what matters. */
const MOST_MISSED = 20;

/**
 * A scan for people: what the system is, whether all of it could be looked at, its volumes, and a table for each
 * section that is short or was asked for.
 */
export function printScan(scan: Scan, output: Output): void {
  const { os, volumes, found } = scan;
  const system = os?.prettyName ?? os?.id ?? "A system that does not say what it is";
  output.text(`${output.style.strong(printable(system))}\n`);
  printCoverage(scan, output);
  output.text("\n");
  output.table(
    [{ title: "VOLUME" }, { title: "TYPE" }, { title: "SIZE", align: "right" }, { title: "AT" }],
    volumes.map(({ name, type = "-", size, mountedAt, state }) => [
      name,
      type,
      size === undefined ? "-" : formatBytes(size),
      state === "unreadable" ? "not readable" : mountedAt.join(" ") || "-",
    ]),
  );
  if (scan.vulnerabilities !== undefined) printVulnerabilities(scan.vulnerabilities, output);
  for (const name of names) printSection(name, found, output);
  const none = names.filter((name) => found[name]?.length === 0);
  if (none.length === 0) return;
  output.text("\n");
  output.table([{ title: "NONE FOUND" }], [[none.map((name) => sections[name].title).join(", ")]]);
  for (const name of none) printOmitted(sections[name], output);
}

/** How much of it was looked at, and what was not: before all that was found, which is only so much worth. */
function printCoverage({ coverage, missed }: Scan, output: Output): void {
  const { volumes, bytes, files } = coverage;
  const amounts = [
    `${portion(volumes)} volumes (${formatBytes(bytes.read)} of ${formatBytes(bytes.total)})`,
    ...(files === undefined ? [] : [`${portion(files)} files and directories`]),
  ].join(", ");
  if (missed.length === 0) {
    output.text(`All of it was looked at: ${amounts}.\n`);
    return;
  }
  const { bad } = output.style;
  output.text(
    `${bad(`Not all of it could be looked at, ${missed.length} missed`)}: ${amounts}.\n\n`,
  );
  output.table(
    [{ title: "NOT LOOKED AT" }, { title: "REASON" }],
    missed.slice(0, MOST_MISSED).map(({ what, reason }) => [what, reason]),
  );
  if (missed.length <= MOST_MISSED) return;
  output.text(`… and ${missed.length - MOST_MISSED} more: see all with --format json.\n`);
}

const portion = ({ read, total }: Amount) => `${read} of ${total}`;

function printSection<Name extends keyof VmScanRows>(
  name: Name,
  found: Found<VmScanRows>,
  output: Output,
): void {
  const rows = found[name] ?? [];
  if (rows.length === 0) return;
  const section: Section<VmScanRows[Name]> = sections[name];
  const { title, columns, isLong } = section;
  const isShort = isLong !== true && rows.length <= MOST_ROWS;
  const isOfMemory = runningSectionNames.some((each) => each === name);
  const isShown = isShort || (isChoice(found) && !isOfMemory);
  const count = section.count?.(rows) ?? `${rows.length}`;
  const hint = `  (${isOfMemory ? "--json" : `--only ${name}`} lists them)`;
  output.text(`\n${output.style.strong(`${title}: ${count}`)}`);
  output.text(isShown ? "\n" : `${output.style.faint(hint)}\n`);
  if (isShown) {
    output.table(
      columns,
      rows.map((row) => columns.map((column) => column.text(row))),
    );
  }
  printOmitted(section, output);
}

function printOmitted(
  { title, omitted = [] }: Pick<Section<object>, "title" | "omitted">,
  output: Output,
): void {
  for (const each of omitted) output.text(output.style.faint(`${title} leave out: ${each}\n`));
}

/** Whether these sections were asked for by name. */
const isChoice = (found: Found<VmScanRows>) =>
  inventorySections.some(
    (name) => found[name] === undefined && inventoryTables[name].isOnRequest !== true,
  );
