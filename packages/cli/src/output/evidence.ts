import type { EvidenceList } from "@casemate/control";
import type { EvidenceCheck, EvidenceSeal } from "@casemate/control/check-evidence";
import { formatBytes } from "@casemate/core";
import type { Context } from "../context.ts";
import { printable } from "./printable.ts";

/** Bundles of evidence as a table for people. */
export function printEvidenceList({ items }: EvidenceList, { output }: Context): void {
  output.table(
    [
      ...[{ title: "EVIDENCE" }, { title: "VM" }, { title: "SAVED" }, { title: "BY" }],
      ...[
        { title: "FINDINGS", align: "right" as const },
        { title: "SIZE", align: "right" as const },
      ], // literals
    ],
    items.map(({ id, vm, at, by, findings, bytes }) => [
      ...[id, vm.name, at, by, String(findings.length)],
      bytes === undefined ? "gone" : formatBytes(bytes),
    ]),
  );
}

/** What came of holding a bundle against its seal. HOSTILE: whoever shows the bundle made it. */
export function printEvidenceCheck(check: EvidenceCheck, { output }: Context): void {
  const { verdict, parts, seal, later, unchecked } = check;
  output.table(
    [{ title: "FILE" }, { title: "STATE" }, { title: "REASON" }],
    parts.map(({ name, state, reason = "" }) => [name, state, reason]),
  );
  if (seal !== undefined) {
    const { manifest, fact, facts, origin, key, size } = seal;
    const { vm, host, kernel, missed, consistency } = manifest;
    output.text("\n");
    output.table(
      [{ title: "FIELD" }, { title: "VALUE" }],
      [
        ["evidence", manifest.evidence],
        ["of", `${vm.name} (${vm.uuid}) on ${host.name}`],
        ["kernel", kernel === null ? "not found" : `${kernel.release} ${kernel.buildId ?? ""}`],
        ["saved", `${manifest.begunAt} to ${manifest.endedAt}, asked for by ${manifest.requester}`],
        ["read", `${manifest.classes.join(", ")}; ${consistency}, ${describeStandstill(manifest)}`],
        ["not in it", missed.length === 0 ? "-" : missed.map(({ what }) => what).join("; ")],
        ["sealed", `${fact.time}, by fact ${fact.index} of ${origin}`],
        ["proven", `under the checkpoint of ${size} facts, with ${facts.length} more of them`],
        ["key", key],
        ...(later === undefined ? [] : [["still so", `when there were ${later} facts`]]),
      ],
    );
  }
  for (const sentence of unchecked) output.text(`\nNot checked: ${printable(sentence)}`);
  output.text(unchecked.length === 0 ? "\n" : "\n\n");
  output.text(`${wordsOf(verdict, output)}\n`);
}

function describeStandstill({ pauseMicroseconds }: EvidenceSeal["manifest"]): string {
  if (pauseMicroseconds === 0) return "the VM was not paused";
  return `the VM stood still for ${pauseMicroseconds} µs at most`;
}

function wordsOf(verdict: EvidenceCheck["verdict"], { style }: Context["output"]): string {
  switch (verdict) {
    case "sealed":
      return style.strong("It is as it was sealed.");
    case "not-sealed":
      return style.bad("It is not as it was sealed.");
    case "inconclusive":
      return style.strong("Nothing in it was changed, but not everything could be checked.");
  }
}
