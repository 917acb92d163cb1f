import { resolve } from "node:path";
import { ExitCode } from "@casemate/core";
import type { Command } from "commander";
import type { Context } from "../../context.ts";

export function configureRebuild(command: Command, context: Context): void {
  const { environment, output } = context;
  command
    .description("make the tables that follow from facts anew; exits with 2 if they were others")
    .option("--data <dir>", "the data directory; no Casemate may work in it")
    .option("--json", "print JSON")
    .action(async ({ data }: { readonly data?: string }) => {
      const { rebuildProjections } = await import("@casemate/control");
      const { facts, tables } = await rebuildProjections(
        resolve(data ?? environment.dataDirectory),
      );
      if (output.json) output.document("RebuiltTables", { facts, items: tables });
      else {
        output.table(
          [{ title: "TABLE" }, { title: "ROWS", align: "right" }, { title: "AS BEFORE" }],
          tables.map(({ name, rows, equal }) => [name, String(rows), equal ? "yes" : "no"]),
        );
        output.text(`Made anew from ${facts} facts.\n`);
      }
      if (tables.some(({ equal }) => !equal)) context.exitWith(ExitCode.suspicious);
    });
}
