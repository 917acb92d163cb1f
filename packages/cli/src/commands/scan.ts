import { documentFormats } from "@casemate/scan/document-formats";
import { inventorySections, inventoryTables } from "@casemate/scan/inventory-tables";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "../context.ts";
import { readRules } from "../read-rules.ts";
import { chooseSections, verifyRules } from "./scan/choose-sections.ts";
import type { FollowOptions } from "./scan/follow-files.ts";
import { readKeyFile } from "./scan/read-secret-file.ts";
import type { ScanOptions } from "./scan/scan-options.ts";
import type { VmScanOrder } from "./scan/walk-states.ts";
import { wrongUse } from "./scan/wrong-use.ts";

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
      // Only what is needed is loaded: what asks a control plane takes as long to load as a scan takes.
      const { diff, saveBaseline, paths, baseline, format, follow } = options;
      if (follow === true) {
        const order = followed(vm, options);
        const isJson = context.output.json || format === "json";
        const { followFiles } = await import("./scan/follow-files.ts");
        await followFiles(...order, context, isJson);
        return;
      }
      if (vm !== undefined) {
        const order = await orderOf(vm, options);
        const { scanStates } = await import("./scan/scan-states.ts");
        await scanStates(order, format, context);
        return;
      }
      verifyFiles(options);
      if ((diff ?? saveBaseline ?? paths ?? baseline) !== undefined) {
        const { compareFiles } = await import("./scan/compare-files.ts");
        await compareFiles(options, context);
      } else {
        const { scanFiles } = await import("./scan/scan-files.ts");
        await scanFiles(options, context);
      }
    });
}

/** What is seen of a running VM's files is told as it comes: there is nothing to choose. */
function followed(
  vm: string | undefined,
  { format, budget, follow, data, request, ...others }: ScanOptions,
): readonly [string, FollowOptions] {
  const [other] = Object.keys(others).filter((name) => name !== "json");
  if (vm === undefined || other !== undefined) {
    throw wrongUse(`expected VM --follow${other === undefined ? "" : ` without --${other}`}`);
  }
  if (format !== "table" && format !== "json") throw wrongUse(`events are no ${format} document`);
  return [vm, { data, request }];
}

async function orderOf(vm: string, options: ScanOptions): Promise<VmScanOrder> {
  const { disk, diff, saveBaseline: saved, paths, baseline, keyFile, saltFile, cache } = options;
  const { snapshot, allStates, running, advisories, ...others } = options;
  if (disk !== undefined)
    throw wrongUse(`both VM ${vm} and --disk are given, expected one of them`);
  if ((diff ?? saved ?? paths ?? baseline) !== undefined) {
    throw wrongUse("a comparison is of disks, expected --disk FILE");
  }
  if (advisories !== undefined) {
    throw wrongUse("of VMs `casemate exposed` tells, expected --disk FILE");
  }
  if ((saltFile ?? cache) !== undefined) {
    throw wrongUse("of VMs the control plane keeps salt and results, expected --disk FILE");
  }
  if (snapshot !== undefined && allStates === true) {
    throw wrongUse("expected one of --snapshot and --all-states");
  }
  if (running === true && (snapshot ?? allStates) !== undefined) {
    throw wrongUse("memory is of now and snapshots are of the past, expected --running alone");
  }
  verifyRules(options);
  return {
    ...{ ...others, snapshot, allStates, running, vm, only: chooseSections(options) },
    rules: await readRules(options.rules),
    passphrase: keyFile === undefined ? undefined : readKeyFile(keyFile),
  };
}

/** Throws `usage` where no disk is given, and for what is of VMs: who gives it is not to take files for them. */
function verifyFiles({ disk, snapshot, allStates, running, request }: ScanOptions): void {
  if (disk === undefined) throw wrongUse("expected a VM or --disk FILE");
  if (snapshot !== undefined) {
    throw wrongUse("--snapshot is one of a VM's, expected --disk FILE#SNAPSHOT");
  }
  if (allStates === true) throw wrongUse("files have one state, expected a VM with --all-states");
  if (running === true) throw wrongUse("files have no memory, expected a VM with --running");
  if (request !== undefined) throw wrongUse("who has the files needs no request, expected none");
}

function describeSections(): string {
  const width = Math.max(...inventorySections.map(({ length }) => length));
  return inventorySections
    .map((name) => `  ${name.padEnd(width)}  ${inventoryTables[name].title}`)
    .join("\n");
}

function parseMilliseconds(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a budget of 1 to 9999999 milliseconds.");
}
