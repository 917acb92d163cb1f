import { ExitCode } from "@casemate/core";
import type { DiffOptions, InventoryRows } from "@casemate/scan";
import { inventory } from "@casemate/scan/inventory";
import type { Context } from "../../context.ts";
import { countDifferences, printDiff } from "../../output/diff.ts";

type Images = readonly (readonly string[])[];

/** `casemate scan --disk … --diff …`: what differs between two states of a system. */
export async function diffDisksCommand(
  images: { readonly before: Images; readonly after: Images },
  options: DiffOptions<InventoryRows>,
  context: Context,
): Promise<void> {
  const { diffDisks } = await import("@casemate/agent/diff-disks");
  const diff = await diffDisks(images, inventory, options);
  if (context.output.json) context.output.document("SystemDiff", diff);
  else printDiff(diff, context.output);
  const missed = diff.before.missed.length + diff.after.missed.length;
  if (missed > 0) {
    const text = `casemate: ${missed} of it could not be looked at: see what was missed.\n`;
    process.stderr.write(text);
  }
  if (countDifferences(diff) > 0) context.exitWith(ExitCode.suspicious);
  else if (missed > 0) context.exitWith(ExitCode.inconclusive);
}
