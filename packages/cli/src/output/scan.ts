import type { DiskScan } from "@casemate/agent/scan-disks";
import { formatBytes } from "@casemate/core";
import type { Found, InventoryRows, Section, SectionName } from "@casemate/scan";
import { inventory, inventorySections } from "@casemate/scan/inventory";
import type { Output } from "./output.ts";
import { printable } from "./printable.ts";

/** A scan for people: the system, its volumes, a table a section, and what could not be looked at. */
export function printScan(scan: DiskScan<InventoryRows>, output: Output): void {
  const { os, volumes, coverage, found, missed } = scan;
  const system = os?.prettyName ?? os?.id ?? "a system that does not say what it is";
  const read = `${formatBytes(coverage.bytes.read)} of ${formatBytes(coverage.bytes.total)}`;
  output.text(`${output.style.strong(printable(system))}, ${read} of its volumes readable\n\n`);
  output.table(
    [{ title: "VOLUME" }, { title: "TYPE" }, { title: "SIZE", align: "right" }, { title: "AT" }],
    volumes.map(({ name, type = "-", size, mountedAt, state }) => [
      name,
      type,
      size === undefined ? "-" : formatBytes(size),
      state === "unreadable" ? "not readable" : mountedAt.join(" ") || "-",
    ]),
  );
  for (const name of inventorySections) printSection(name, found, output);
  if (missed.length === 0) return;
  output.text("\n");
  output.table(
    [{ title: "NOT LOOKED AT" }, { title: "REASON" }],
    missed.map(({ what, reason }) => [what, reason]),
  );
}

function printSection<Name extends SectionName>(
  name: Name,
  found: Found<InventoryRows>,
  output: Output,
): void {
  const rows = found[name];
  if (rows === undefined) return;
  const { title, columns, isLong }: Section<InventoryRows[Name]> = inventory[name];
  output.text(`\n${output.style.strong(`${title}: ${rows.length}`)}\n`);
  const isAlone = Object.keys(found).length === 1;
  if (rows.length === 0 || (isLong === true && !isAlone)) return;
  output.table(
    columns,
    rows.map((row) => columns.map((column) => column.text(row))),
  );
}
