import type { InventoryMatch, PackageInventory } from "@casemate/scan";
import { describeUncovered } from "@casemate/scan/describe-gaps";
import type { Output } from "./output.ts";

/** Vulnerabilities for people, and which packages nothing can be said of: that is not that they are sound. */
export function printVulnerabilities(
  { findings, uncovered }: Pick<InventoryMatch<PackageInventory>, "findings" | "uncovered">,
  output: Output,
): void {
  const { strong, bad } = output.style;
  output.text(`\n${strong(`known vulnerabilities: ${findings.length}`)}\n`);
  if (findings.length > 0) {
    output.table(
      [
        ...[{ title: "SEVERITY" }, { title: "VULNERABILITY" }, { title: "PACKAGE" }],
        ...[{ title: "INSTALLED" }, { title: "FIXED IN" }],
      ],
      findings.map(({ severity, vulnerability, package: name, installed, fixed }) => [
        ...[severity?.level ?? "unknown", vulnerability, name, installed, fixed ?? "no fix yet"],
      ]),
    );
  }
  if (uncovered.length === 0) return;
  output.text(`\n${bad("Not all packages could be matched with advisories")}\n`);
  output.table(
    [{ title: "NOT MATCHED" }],
    uncovered.map((each) => [describeUncovered(each)]),
  );
}
