import type { SectionName } from "@casemate/scan";
import { inventorySections, inventoryTables } from "@casemate/scan/inventory-tables";
import type { ScanOptions } from "./scan-options.ts";
import { wrongUse } from "./wrong-use.ts";

type Choice<Name extends keyof ScanOptions> = {
  readonly [Each in Name]?: ScanOptions[Each] | undefined;
};

/** The sections that are asked for; malware is looked for where there are rules, and not else. */
export function chooseSections({
  only,
  all = false,
  rules,
}: Choice<"only" | "all" | "rules">): readonly SectionName[] | undefined {
  if (only !== undefined || (!all && rules === undefined)) return only;
  return inventorySections.filter((name) =>
    name === "malware" ? rules !== undefined : all || inventoryTables[name].isOnRequest !== true,
  );
}

/** Throws `usage` where something is to be put to rules, and none are given. */
export function verifyRules({ rules, everyFile, only }: Choice<"rules" | "everyFile" | "only">) {
  if (rules === undefined && (everyFile === true || only?.includes("malware") === true)) {
    throw wrongUse("no rules are given, expected --rules PATH");
  }
}
