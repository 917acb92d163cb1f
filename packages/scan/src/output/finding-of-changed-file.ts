import type { SeverityLevel } from "../advisories/severity.ts";
import type { ChangedFile } from "../integrity/package-files.ts";
import type { Finding } from "./finding.ts";

/** A file that is not as its package has it, as one finding among others. */
export function findingOfChangedFile(changed: ChangedFile): Finding {
  const { kind, differs, path, packageType } = changed;
  const isConfiguration = kind === "changed configuration";
  return {
    kind: "integrity",
    rule: {
      id: isConfiguration ? "integrity/changed-configuration" : "integrity/changed-file",
      title: isConfiguration
        ? "A configuration that differs from its package's"
        : "A file that differs from its package's",
    },
    severity: isConfiguration ? "negligible" : severityOf(differs),
    message: `${path} is not as the package ${changed.package} has it: ${differs.join(", ")}.`,
    path,
    identity: [packageType, changed.package],
    details: { package: changed.package, differs },
  };
}

/** Images are made smaller by taking files out; what is another than it was is worse. */
function severityOf(differs: ChangedFile["differs"]): SeverityLevel {
  if (differs.includes("missing")) return "low";
  return differs.some((each) => WORST.has(each)) ? "high" : "medium";
}

const WORST: ReadonlySet<string> = new Set(["contents", "type", "target"]);
