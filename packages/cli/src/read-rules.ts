import type { YaraRuleFile } from "@casemate/scan";

/** The YARA rules in `places`, where any are given. Throws `rules/unreadable`. */
export async function readRules(
  places: readonly string[] | undefined,
): Promise<readonly YaraRuleFile[] | undefined> {
  if (places === undefined) return undefined;
  const { readYaraRuleFiles } = await import("@casemate/scan/yara-rule-files");
  return readYaraRuleFiles(places);
}
