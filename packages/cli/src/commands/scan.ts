import { readFileSync } from "node:fs";
import type { DiskScan } from "@casemate/agent/scan-disks";
import { CasemateError, ExitCode, milliseconds } from "@casemate/core";
import type { InventoryRows, SectionName } from "@casemate/scan";
import { inventory, inventorySections } from "@casemate/scan/inventory";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "../context.ts";
import { printScan } from "../output/scan.ts";

interface ScanOptions {
  readonly disk?: readonly string[];
  readonly only?: readonly SectionName[];
  readonly keyFile?: string;
  readonly format: "table" | "json";
  readonly budget: number;
}

const defaultBudgetMs = 60_000;

export function configureScan(command: Command, context: Context): void {
  command
    .usage("[options] --disk FILE[,BASE...]...")
    .option(
      "--disk <file...>",
      "the images of the system's disks in their order; after a comma each, what it is a layer above",
    )
    .addOption(new Option("--only <section...>", "look for these alone").choices(inventorySections))
    .addOption(
      new Option("--format <format>", "how to print it")
        .choices(["table", "json"])
        .default("table"),
    )
    .option("--key-file <file>", "the passphrase that opens what is encrypted with LUKS")
    .option("--budget <ms>", "time the scan may take", parseMilliseconds, defaultBudgetMs)
    .option("--json", "print JSON, as --format json")
    .addHelpText("after", `\nSections:\n${describeSections()}`)
    .action(async (options: ScanOptions) => {
      const scan = await run(options);
      if (context.output.json || options.format === "json") {
        context.output.document("SystemScan", scan);
      } else {
        printScan(scan, context.output);
      }
      if (scan.missed.length === 0) return;
      process.stderr.write(
        `casemate: ${scan.missed.length} of it could not be looked at: see what was missed.\n`,
      );
      context.exitWith(ExitCode.inconclusive);
    });
}

async function run({ disk, only, keyFile, budget }: ScanOptions): Promise<DiskScan<InventoryRows>> {
  if (disk === undefined) throw wrong("no disk is given, expected --disk FILE");
  // In this process: a second one would take longer to start than the scan takes.
  const { scanDisks } = await import("@casemate/agent/scan-disks");
  const images = disk.map((files) => files.split(","));
  const key = keyFile === undefined ? undefined : { passphrase: readKeyFile(keyFile) };
  return scanDisks(images, inventory, { budget: milliseconds(budget), only, key });
}

/** All of its bytes, as `cryptsetup --key-file` takes them. */
function readKeyFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw wrong(
      `key file ${path} is not readable (${cause instanceof Error ? cause.message : cause})`,
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
