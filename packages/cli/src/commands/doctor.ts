import { ExitCode } from "@casemate/core";
import { type CheckedCapability, capabilities, checkCapabilities } from "@casemate/host";
import type { Command } from "commander";
import type { Context } from "../context.ts";

export function configureDoctor(command: Command, context: Context): void {
  command
    .option("--data <dir>", "the data directory to ask about")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExits with 1 when something is missing or unusable.")
    .action(async (options: { readonly data?: string }) => {
      const found = await checkAll(options.data ?? context.environment.dataDirectory, context);
      if (context.output.json) context.output.document("CapabilityList", { items: found });
      else printCapabilities(found, context);
      if (found.some(isLacking)) context.exitWith(ExitCode.failed);
    });
}

async function checkAll(
  dataDirectory: string,
  { progress }: Context,
): Promise<readonly CheckedCapability[]> {
  const found: CheckedCapability[] = [];
  const announce = () => {
    const next = capabilities[found.length];
    if (next !== undefined) progress.step(`Trying: ${next.title} …`);
  };
  announce();
  for await (const checked of checkCapabilities(capabilities, { dataDirectory })) {
    found.push(checked);
    announce();
  }
  progress.end();
  return found;
}

function printCapabilities(found: readonly CheckedCapability[], { output }: Context): void {
  output.table(
    [{ title: "STATE" }, { title: "CAPABILITY" }, { title: "WHAT WAS FOUND" }],
    found.map(({ state, title, detail }) => [state, title, detail]),
  );
  const fixes = found.filter((each) => each.state !== "ok").filter(({ fix }) => fix !== undefined);
  if (fixes.length === 0) return;
  output.text("\n");
  output.table(
    [{ title: "TO FIX" }, { title: "RUN" }],
    fixes.map(({ title, fix = "" }) => [title, fix]),
  );
}

const isLacking = ({ state }: CheckedCapability) => state === "missing" || state === "unusable";
