import type { JsonObject } from "@casemate/core";
import type { DocumentFormat } from "./document-formats.ts";
import { findingsOf } from "./findings-of.ts";
import { formatCycloneDx } from "./format-cyclonedx.ts";
import { formatSarif } from "./format-sarif.ts";
import { formatSpdx } from "./format-spdx.ts";
import type { ScanReport } from "./scan-report.ts";

/** A scan in that format; its sections that are findings are among the report's. */
export function formatDocument(format: DocumentFormat, report: ScanReport): JsonObject {
  switch (format) {
    case "cyclonedx":
      return formatCycloneDx(report);
    case "spdx":
      return formatSpdx(report);
    case "sarif": {
      const findings = report.findings ?? findingsOf(report.found);
      return formatSarif({ ...report, ...(findings === undefined ? {} : { findings }) });
    }
  }
}
