import type { ExposureList } from "@casemate/control";
import { ExitCode } from "@casemate/core";
import type { Command } from "commander";
import { openClient } from "../client/open-client.ts";
import type { Context } from "../context.ts";

interface ExposedOptions {
  readonly cve?: string;
  readonly data?: string;
}

export function configureExposed(command: Command, context: Context): void {
  command
    .option("--cve <id>", "this vulnerability alone")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON")
    .action(async ({ cve, ...options }: ExposedOptions) => {
      const client = await openClient(context.environment, options);
      const query = cve === undefined ? "" : `?${new URLSearchParams({ cve })}`;
      const document = await client.get(`/api/v1/exposures${query}`);
      const list = document as unknown as ExposureList; // our own control plane answered
      if (context.output.json) context.output.document("ExposureList", list);
      else printExposures(list, context);
      if (list.advisories === null) {
        process.stderr.write(
          "casemate: there are no advisories to go by: import some with `casemate advisories`.\n",
        );
      }
      if (list.items.length > 0) context.exitWith(ExitCode.suspicious);
      else if (list.inconclusive.length > 0 || list.advisories === null) {
        context.exitWith(ExitCode.inconclusive);
      }
    });
}

function printExposures({ items, inconclusive }: ExposureList, { output }: Context): void {
  output.table(
    [
      { title: "VULNERABILITY" },
      { title: "SEVERITY" },
      { title: "VM" },
      { title: "PACKAGE" },
      { title: "INSTALLED" },
      { title: "FIXED IN" },
      { title: "IN MEMORY" },
      { title: "FIRST EXPOSED ON" },
      { title: "LAST SEEN IN" },
    ],
    items.map((item) => [
      ...[item.vulnerability, item.severity ?? "-", item.vm.name, item.package],
      ...[item.installed, item.fixed ?? "-", item.use?.level ?? "-"],
      ...[item.firstExposedOn, item.latestState],
    ]),
  );
  if (inconclusive.length === 0) return;
  output.text("\n");
  output.table(
    [{ title: "NOT ALL IS KNOWN OF" }, { title: "REASON" }],
    inconclusive.map(({ vm, reason }) => [vm, reason]),
  );
}
