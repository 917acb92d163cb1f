import type { FindingDocument, FindingList } from "@casemate/control";
import { CasemateError, ExitCode } from "@casemate/core";
import type { Command } from "commander";
import { openClient } from "../client/open-client.ts";
import type { Context } from "../context.ts";
import { printFinding, printFindings } from "../output/finding.ts";
import { readOwnVersion } from "../own-version.ts";

interface Options {
  readonly data?: string;
}

interface ListOptions extends Options {
  readonly vm?: string;
  readonly state?: string;
  readonly all?: boolean;
  readonly severity?: string;
  readonly detector?: string;
  readonly technique?: string;
  readonly limit?: string;
  readonly format: string;
}

const formats = ["table", "json", "sarif", "ocsf"];

export function configureFindings(command: Command, context: Context): void {
  const { environment, output } = context;

  withData(command.command("list").description("what was found on VMs, the last seen first"))
    .option("--vm <vm>", "on this VM, by name or UUID")
    .option("--state <state>", "in this state: open (default), acknowledged, closed")
    .option("--all", "in any state")
    .option("--severity <severity>", "so bad at least: low, medium, high, critical")
    .option("--detector <id>", "by this detector")
    .option("--technique <id>", "with this technique of ATT&CK, as T1014")
    .option("--limit <n>", "at most so many (default 200)")
    .option("--format <format>", `one of ${formats.join(", ")}`, "table")
    .addHelpText("after", "\nExits with 2 when findings are listed that are open.")
    .action(async (options: ListOptions) => {
      const { format, all, data, ...filter } = options;
      if (!formats.includes(format)) {
        throw new CasemateError(
          "usage",
          `Cannot print findings as ${format}: expected one of ${formats.join(", ")}.`,
        );
      }
      const client = await openClient(environment, { data });
      const query = new URLSearchParams(all === true ? { state: "all" } : {});
      for (const key of ["vm", "state", "severity", "detector", "technique", "limit"] as const) {
        const value = filter[key];
        if (value !== undefined) query.set(key, value);
      }
      const document = await client.get(`/api/v1/findings?${query}`);
      const list = document as unknown as FindingList; // our own control plane answered
      await print(list, output.json ? "json" : format, context);
      if (list.items.some(({ state }) => state === "open")) context.exitWith(ExitCode.suspicious);
    });

  withData(
    command.command("show <finding>").description("one finding with its evidence, by its id"),
  ).action(async (id: string, options: Options) => {
    const client = await openClient(environment, options);
    show(await client.get(pathOf(id)), context);
  });

  withData(
    command
      .command("acknowledge <finding>")
      .description("say that a finding is known: it is quiet until then"),
  )
    .requiredOption("--reason <text>", "why it may stay")
    .requiredOption("--until <time>", "a day (2027-01-31) or time; open again if still seen then")
    .action(
      async (
        id: string,
        options: Options & { readonly reason: string; readonly until: string },
      ) => {
        const { reason } = options;
        const until = parseTime(options.until);
        const client = await openClient(environment, options);
        show(await client.post(`${pathOf(id)}/acknowledge`, { reason, until }), context);
      },
    );

  withData(
    command
      .command("close <finding>")
      .description("say that a finding is dealt with: it opens again if it is seen again"),
  )
    .requiredOption("--reason <text>", "what was done")
    .action(async (id: string, options: Options & { readonly reason: string }) => {
      const client = await openClient(environment, options);
      show(await client.post(`${pathOf(id)}/close`, { reason: options.reason }), context);
    });
}

async function print(list: FindingList, format: string, context: Context): Promise<void> {
  const { output } = context;
  switch (format) {
    case "json":
      output.document("FindingList", list);
      return;
    case "sarif": {
      const { formatFindingsSarif } = await import("@casemate/control/format-findings-sarif");
      output.value(formatFindingsSarif(list.items, readOwnVersion()));
      return;
    }
    case "ocsf": {
      const { formatOcsf } = await import("@casemate/control/format-ocsf");
      const version = readOwnVersion();
      output.value(list.items.map((each) => formatOcsf(each, version)));
      return;
    }
    default:
      printFindings(list, context);
  }
}

function show(document: object, context: Context): void {
  const finding = document as FindingDocument; // our own control plane answered
  if (context.output.json) context.output.document("Finding", finding);
  else printFinding(finding, context);
}

function parseTime(text: string): string {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new CasemateError("usage", `Cannot read --until ${text}: expected a time as 2027-01-31.`);
}

function pathOf(id: string): string {
  return `/api/v1/findings/${encodeURIComponent(id)}`;
}

function withData(command: Command): Command {
  return command
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON");
}
