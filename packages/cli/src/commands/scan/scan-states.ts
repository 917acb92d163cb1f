import { CasemateError } from "@casemate/core";
import type { DocumentFormat } from "@casemate/scan/document-formats";
import { formatDocument } from "@casemate/scan/format-document";
import type { Context } from "../../context.ts";
import { printable } from "../../output/printable.ts";
import { printScan } from "../../output/scan.ts";
import { readOwnVersion } from "../../own-version.ts";
import { judgeScans } from "./judge-scans.ts";
import { type StateScan, type VmScanOrder, walkStates } from "./walk-states.ts";

/** Scans states of a VM and prints each as soon as it is there; as JSON, several become one list. */
export async function scanStates(
  order: VmScanOrder,
  format: "table" | "json" | DocumentFormat,
  context: Context,
): Promise<void> {
  const { output } = context;
  const isJson = output.json || format === "json";
  if (order.allStates === true && !isJson && format !== "table") {
    throw new CasemateError("usage", `Cannot scan: a ${format} document is of one state.`, {
      next: "Leave out --all-states, or choose table or json.",
    });
  }
  const version = readOwnVersion();
  const scans: StateScan[] = [];
  for await (const scan of walkStates(order, context)) {
    scans.push(scan);
    if (isJson) continue;
    if (format !== "table") output.value(formatDocument(format, { ...scan, version }));
    else {
      output.text(`${output.style.strong(describeState(scan))}\n`);
      printScan(scan, output);
      if (order.allStates === true) output.text("\n");
    }
  }
  const [first] = scans;
  if (isJson && order.allStates === true) output.document("SystemScanList", { items: scans });
  else if (isJson && first !== undefined) output.document("SystemScan", first);
  warn(scans, context);
}

function describeState({ subject, state: { kind, name, at } }: StateScan): string {
  const time = at.toISOString();
  switch (kind) {
    case "running":
      return printable(`${subject}, while it runs, at ${time}`);
    case "off":
      return printable(`${subject}, off, at ${time}`);
    case "snapshot":
      return printable(`Snapshot ${name} of ${subject}, of ${time}`);
  }
}

function warn(scans: readonly StateScan[], { exitWith }: Context): void {
  const missed = scans.reduce((sum, scan) => sum + scan.missed.length, 0);
  const isTorn = scans.some(({ state }) => state.consistency === "torn");
  if (isTorn) {
    process.stderr.write("casemate: the VM was started while it was read: scan it again.\n");
  }
  if (missed > 0) {
    process.stderr.write(
      `casemate: ${missed} of it could not be looked at: see what was missed.\n`,
    );
  }
  exitWith(judgeScans(scans));
}
