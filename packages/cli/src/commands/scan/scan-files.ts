import type { DiskScan } from "@casemate/agent/scan-disks";
import { milliseconds } from "@casemate/core";
import type { InventoryRows, ScanReport } from "@casemate/scan";
import type { Context } from "../../context.ts";
import { readOwnVersion } from "../../own-version.ts";
import { readRules } from "../../read-rules.ts";
import { chooseSections, verifyRules } from "./choose-sections.ts";
import { judgeScans } from "./judge-scans.ts";
import type { AdvisoryMatcher } from "./read-advisories.ts";
import { readKeyFile, readSecretFile } from "./read-secret-file.ts";
import type { ScanOptions } from "./scan-options.ts";
import { wrongUse } from "./wrong-use.ts";

/** What was found, and with advisories what of it is vulnerable. */
type MatchedScan = DiskScan<InventoryRows> & Pick<ScanReport, "vulnerabilities">;

/** Scans the disks in files, and prints what is on them. */
export async function scanFiles(options: ScanOptions, context: Context): Promise<void> {
  // Before privileges are dropped, which may be needed to read what it takes.
  const print = await loadPrinter(options, context);
  const matchAdvisories = await prepareAdvisories(options, context);
  const scanned = await run(options);
  const vulnerabilities = matchAdvisories?.(scanned);
  const scan = { ...scanned, ...(vulnerabilities === undefined ? {} : { vulnerabilities }) };
  print(scan);
  if (scan.missed.length > 0) {
    process.stderr.write(
      `casemate: ${scan.missed.length} of it could not be looked at: see what was missed.\n`,
    );
  }
  if ((vulnerabilities?.uncovered ?? []).length > 0) {
    process.stderr.write("casemate: not all packages could be matched with advisories.\n");
  }
  context.exitWith(judgeScans([scan]));
}

/** Only what is needed is loaded. */
async function loadPrinter(
  { format }: ScanOptions,
  { output }: Context,
): Promise<(scan: MatchedScan) => void> {
  if (output.json || format === "json") return (scan) => output.document("SystemScan", scan);
  if (format === "table") {
    const { printScan } = await import("../../output/scan.ts");
    return (scan) => printScan(scan, output);
  }
  const { formatDocument } = await import("@casemate/scan/format-document");
  const version = readOwnVersion();
  return (scan) => output.value(formatDocument(format, { ...scan, version }));
}

async function prepareAdvisories(
  { advisories, only, data }: ScanOptions,
  { environment }: Context,
): Promise<AdvisoryMatcher | undefined> {
  if (advisories === undefined) return undefined;
  if (only?.includes("packages") === false) {
    throw wrongUse("advisories are on packages and they are left out, expected --only packages");
  }
  const { readAdvisories } = await import("./read-advisories.ts");
  return await readAdvisories(advisories, data ?? environment.dataDirectory);
}

async function run({
  disk = [],
  only,
  all,
  keyFile,
  format,
  budget,
  rules,
  everyFile,
  saltFile,
  cache,
}: ScanOptions): Promise<DiskScan<InventoryRows>> {
  verifyRules({ rules, everyFile, only });
  const isBill = format === "cyclonedx" || format === "spdx";
  if (isBill && only?.includes("packages") === false) {
    throw wrongUse(
      `a ${format} document is of packages and they are left out, expected --only packages`,
    );
  }
  if (cache !== undefined && (keyFile ?? rules ?? saltFile) !== undefined) {
    throw wrongUse("what keys open and what rules and salts find is not kept, expected no --cache");
  }
  const images = disk.map((files) => files.split(","));
  const key = keyFile === undefined ? undefined : { passphrase: readKeyFile(keyFile) };
  const salt = saltFile === undefined ? undefined : readSecretFile("salt", saltFile);
  // Rules are read here: once the disks are open, nobody may.
  using prepared =
    rules === undefined && salt === undefined
      ? undefined
      : (await import("@casemate/scan/inventory-with")).inventoryWith({
          ...{ salt, rules: await readRules(rules), allFiles: everyFile },
        });
  const options = {
    budget: milliseconds(budget),
    only: isBill ? (only ?? (["packages"] as const)) : chooseSections({ only, all, rules }),
  };
  // In this process: a second one would take longer to start than the scan takes.
  if (cache !== undefined) {
    const { scanKeptDisks } = await import("@casemate/agent/scan-kept-disks");
    const { inventory } = await import("@casemate/scan/inventory");
    const kept = { directory: cache, scanner: `casemate ${readOwnVersion()}` };
    return await scanKeptDisks(images, inventory, { ...options, ...kept });
  }
  const { scanDisks } = await import("@casemate/agent/scan-disks");
  if (prepared !== undefined)
    return await scanDisks(images, prepared.sections, { ...options, key });
  if (options.only?.every((name) => name === "packages") === true) {
    const { packagesSection: packages } = await import("@casemate/scan/packages-section");
    return await scanDisks(images, { packages }, { budget: options.budget, key });
  }
  const { inventory } = await import("@casemate/scan/inventory");
  return await scanDisks(images, inventory, { ...options, key });
}
