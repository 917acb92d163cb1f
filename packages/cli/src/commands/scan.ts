import { readFileSync } from "node:fs";
import type { DiskScan } from "@casemate/agent/scan-disks";
import { CasemateError, milliseconds } from "@casemate/core";
import type { InventoryRows, SectionName } from "@casemate/scan";
import {
  type DocumentFormat,
  documentFormats,
  formatDocument,
} from "@casemate/scan/format-document";
import { inventory, inventorySections } from "@casemate/scan/inventory";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "../context.ts";
import { printScan } from "../output/scan.ts";
import { readOwnVersion } from "../own-version.ts";
import { readRules } from "../read-rules.ts";
import { checkBaseline, saveBaseline } from "./scan/baseline.ts";
import { diffDisksCommand } from "./scan/diff-disks.ts";
import { type FollowOptions, followFiles } from "./scan/follow-files.ts";
import { judgeScans } from "./scan/judge-scans.ts";
import type { AdvisoryMatcher } from "./scan/read-advisories.ts";
import { scanStates } from "./scan/scan-states.ts";
import type { VmScanOrder } from "./scan/walk-states.ts";

/** What is for a VM alone. */
type VmOption = "snapshot" | "allStates" | "running" | "data" | "request";

interface ScanOptions extends Pick<VmScanOrder, VmOption> {
  readonly disk?: readonly string[];
  readonly follow?: boolean;
  readonly only?: readonly SectionName[];
  readonly all?: boolean;
  readonly diff?: readonly string[];
  readonly saveBaseline?: string;
  readonly paths?: readonly string[];
  readonly baseline?: string;
  readonly keyFile?: string;
  readonly rules?: readonly string[];
  readonly everyFile?: boolean;
  readonly saltFile?: string;
  readonly cache?: string;
  readonly advisories?: string | true;
  readonly format: "table" | "json" | DocumentFormat;
  readonly budget: number;
}

const defaultBudgetMs = 60_000;

export function configureScan(command: Command, context: Context): void {
  command
    .usage("[options] (VM | --disk FILE[#SNAPSHOT][,BASE...]...)")
    .argument("[vm]", "a VM, by name or UUID")
    .option("--snapshot <name>", "scan this snapshot of the VM, not the VM as it is now")
    .option("--all-states", "scan the VM and each of its snapshots")
    .option("--running", "tell what of it runs, too, by the memory of the VM")
    .option("--follow", "tell what happens to the files of the VM while it runs, until Ctrl-C")
    .option("--request <id>", "a request for this scan that has been approved")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option(
      "--disk <file...>",
      "the images of the system's disks in their order; after a comma each, what it is a layer above",
    )
    .addOption(new Option("--only <section...>", "look for these alone").choices(inventorySections))
    .option("--all", "look also for what takes reading all of many files")
    .option("--diff <file...>", "tell what is different on these disks, given like those of --disk")
    .option("--save-baseline <file>", "keep there how the files at --paths are")
    .option("--paths <glob...>", "what a baseline has: paths and all below them; *, **, ?, [a-z]")
    .option("--baseline <file>", "tell what differs from that baseline")
    .addOption(
      new Option("--format <format>", "how to print it")
        .choices(["table", "json", ...documentFormats])
        .default("table"),
    )
    .option("--key-file <file>", "the passphrase that opens what is encrypted with LUKS")
    .option("--rules <path...>", "YARA rules of malware: files, or directories of them")
    .option("--every-file", "put every file to the rules, not programs and scripts alone")
    .option("--salt-file <file>", "what fingerprints of secrets are salted with, to know one again")
    .option("--cache <dir>", "keep results there, and read of overlays only what they change")
    .option(
      "--advisories [file]",
      "tell which packages are known to be vulnerable, by this snapshot",
    )
    .option("--budget <ms>", "time the scan may take", parseMilliseconds, defaultBudgetMs)
    .option("--json", "print JSON, as --format json")
    .addHelpText("after", `\nSections:\n${describeSections()}`)
    .action(async (vm: string | undefined, options: ScanOptions) => {
      const { format } = options;
      if (options.follow === true) {
        await followFiles(
          ...followed(vm, options),
          context,
          context.output.json || format === "json",
        );
        return;
      }
      if (vm !== undefined) {
        await scanStates(await orderOf(vm, options), format, context);
        return;
      }
      if (await compare(options, context)) return;
      const version = readOwnVersion(); // before privileges are dropped, which may be needed to read it
      const matchAdvisories = await prepareAdvisories(options, context); // before, as well
      const scanned = await run(options);
      const vulnerabilities = matchAdvisories?.(scanned);
      const scan = { ...scanned, ...(vulnerabilities === undefined ? {} : { vulnerabilities }) };
      if (context.output.json || format === "json") context.output.document("SystemScan", scan);
      else if (format === "table") printScan(scan, context.output);
      else context.output.value(formatDocument(format, { ...scan, version }));
      if (scan.missed.length > 0) {
        process.stderr.write(
          `casemate: ${scan.missed.length} of it could not be looked at: see what was missed.\n`,
        );
      }
      if ((vulnerabilities?.uncovered ?? []).length > 0) {
        process.stderr.write("casemate: not all packages could be matched with advisories.\n");
      }
      context.exitWith(judgeScans([scan]));
    });
}

async function prepareAdvisories(
  { advisories, only, data }: ScanOptions,
  { environment }: Context,
): Promise<AdvisoryMatcher | undefined> {
  if (advisories === undefined) return undefined;
  if (only?.includes("packages") === false) {
    throw wrong("advisories are on packages and they are left out, expected --only packages");
  }
  const { readAdvisories } = await import("./scan/read-advisories.ts");
  return await readAdvisories(advisories, data ?? environment.dataDirectory);
}

/** Does what compares with another state, if that is asked for. */
async function compare(options: ScanOptions, context: Context): Promise<boolean> {
  const { disk, diff, saveBaseline: saved, paths, baseline, format, only, keyFile } = options;
  const asked = [diff, saved, baseline].filter((each) => each !== undefined).length;
  if (asked === 0 && paths === undefined) return false;
  if (disk === undefined) throw wrong("no disk is given, expected --disk FILE");
  if (asked > 1) throw wrong("expected one of --diff, --save-baseline and --baseline");
  if (options.rules !== undefined) throw wrong("a comparison puts no file to rules");
  if (options.advisories !== undefined) throw wrong("a comparison matches no advisories");
  if (format !== "table" && format !== "json") {
    throw wrong(`a comparison is no ${format} document, expected table or json`);
  }
  if (only !== undefined && diff === undefined) throw wrong("a baseline has no sections");
  if ((saved === undefined) !== (paths === undefined)) {
    throw wrong("expected --save-baseline FILE and --paths GLOB together");
  }
  const far = paths?.find((path) => !path.startsWith("/"));
  if (far !== undefined) throw wrong(`path ${far} does not begin at the root, expected /${far}`);
  const key = keyFile === undefined ? undefined : { passphrase: readKeyFile(keyFile) };
  const common = { budget: milliseconds(options.budget), key };
  const images = parseImages(disk);
  const json = { ...context, output: { ...context.output, json: true } };
  const here = format === "json" ? json : context;
  if (diff !== undefined) {
    const states = { before: images, after: parseImages(diff) };
    const files = only === undefined;
    await diffDisksCommand(states, { ...common, only: chosen(options), files }, here);
  } else if (saved !== undefined) {
    await saveBaseline(images, { file: saved, paths: paths ?? [] }, common, here);
  } else if (baseline !== undefined) await checkBaseline(images, baseline, common, here);
  return true;
}

/** What is seen of a running VM's files is told as it comes: there is nothing to choose. */
function followed(
  vm: string | undefined,
  { format, budget, follow, data, request, ...others }: ScanOptions,
): readonly [string, FollowOptions] {
  const [other] = Object.keys(others).filter((name) => name !== "json");
  if (vm === undefined || other !== undefined) {
    throw wrong(`expected VM --follow${other === undefined ? "" : ` without --${other}`}`);
  }
  if (format !== "table" && format !== "json") throw wrong(`events are no ${format} document`);
  return [vm, { data, request }];
}

async function orderOf(vm: string, options: ScanOptions): Promise<VmScanOrder> {
  const { disk, diff, saveBaseline: saved, baseline, keyFile, saltFile, cache } = options;
  const { snapshot, allStates, running, advisories, ...others } = options;
  if (disk !== undefined) throw wrong(`both VM ${vm} and --disk are given, expected one of them`);
  if (diff !== undefined || saved !== undefined || baseline !== undefined) {
    throw wrong("a comparison is of disks, expected --disk FILE");
  }
  if (advisories !== undefined) {
    throw wrong("of VMs `casemate exposed` tells, expected --disk FILE");
  }
  if ((saltFile ?? cache) !== undefined) {
    throw wrong("of VMs the control plane keeps salt and results, expected --disk FILE");
  }
  if (snapshot !== undefined && allStates === true) {
    throw wrong("expected one of --snapshot and --all-states");
  }
  if (running === true && (snapshot ?? allStates) !== undefined) {
    throw wrong("memory is of now and snapshots are of the past, expected --running alone");
  }
  verifyRules(options);
  return {
    ...{ ...others, snapshot, allStates, running, vm, only: chosen(options) },
    rules: await readRules(options.rules),
    passphrase: keyFile === undefined ? undefined : readKeyFile(keyFile),
  };
}

const parseImages = (disks: readonly string[]) => disks.map((files) => files.split(","));

/** The sections that are asked for; malware is looked for where there are rules, and not else. */
function chosen({
  only,
  all = false,
  rules,
}: { readonly [Name in "only" | "all" | "rules"]?: ScanOptions[Name] | undefined }):
  | readonly SectionName[]
  | undefined {
  if (only !== undefined || (!all && rules === undefined)) return only;
  return inventorySections.filter((name) =>
    name === "malware" ? rules !== undefined : all || inventory[name].isOnRequest !== true,
  );
}

async function run({
  disk,
  running,
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
  if (disk === undefined) throw wrong("no disk is given, expected --disk FILE");
  if (running === true) throw wrong("files have no memory, expected a VM with --running");
  verifyRules({ rules, everyFile, only });
  const isBill = format === "cyclonedx" || format === "spdx";
  if (isBill && only?.includes("packages") === false) {
    throw wrong(
      `a ${format} document is of packages and they are left out, expected --only packages`,
    );
  }
  if (cache !== undefined && (keyFile ?? rules ?? saltFile) !== undefined) {
    throw wrong("what keys open and what rules and salts find is not kept, expected no --cache");
  }
  // In this process: a second one would take longer to start than the scan takes.
  const { scanDisks } = await import("@casemate/agent/scan-disks");
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
    only: isBill ? (only ?? (["packages"] as const)) : chosen({ only, all, rules }),
  };
  if (cache !== undefined) {
    const { scanKeptDisks } = await import("@casemate/agent/scan-kept-disks");
    const kept = { directory: cache, scanner: `casemate ${readOwnVersion()}` };
    return scanKeptDisks(images, inventory, { ...options, ...kept });
  }
  return scanDisks(images, prepared?.sections ?? inventory, { ...options, key });
}

type RuleOptions = {
  readonly [Name in "rules" | "everyFile" | "only"]?: ScanOptions[Name] | undefined;
};

function verifyRules({ rules, everyFile, only }: RuleOptions): void {
  if (rules === undefined && (everyFile === true || only?.includes("malware") === true)) {
    throw wrong("no rules are given, expected --rules PATH");
  }
}

/** All of its bytes, as `cryptsetup --key-file` takes them. */
const readKeyFile = (path: string): Uint8Array => readSecretFile("key", path);

function readSecretFile(what: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw wrong(
      `${what} file ${path} is not readable (${cause instanceof Error ? cause.message : cause})`,
    );
  }
}

function describeSections(): string {
  const width = Math.max(...inventorySections.map(({ length }) => length));
  return inventorySections
    .map((name) => `  ${name.padEnd(width)}  ${inventory[name].title}`)
    .join("\n");
}

function parseMilliseconds(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a budget of 1 to 9999999 milliseconds.");
}

function wrong(seen: string): CasemateError {
  return new CasemateError("usage", `Cannot scan: ${seen}.`, {
    next: "Run `casemate scan --help` to see what it takes.",
  });
}
