import type { FindingDocument, FindingList } from "@casemate/control";
import { techniques } from "@casemate/inspect";
import type { Context } from "../context.ts";
import { printable } from "./printable.ts";

type Finding = FindingList["items"][number];

/** Findings as a table for people. */
export function printFindings({ items, total }: FindingList, { output }: Context): void {
  output.table(
    [
      { title: "FINDING" },
      { title: "SEVERITY" },
      { title: "VM" },
      { title: "WHAT" },
      { title: "DETECTOR" },
      { title: "STATE" },
      { title: "FIRST SEEN" },
      { title: "LAST SEEN" },
    ],
    items.map(({ id, severity, vm, title, detector, state, firstSeen, lastSeen }) => [
      ...[id.slice(0, 12), severity, vm.name, title, detector, state],
      ...[minute(firstSeen), minute(lastSeen)],
    ]),
  );
  if (total > items.length) output.text(`and ${total - items.length} more: see --limit\n`);
}

/** One finding with all that is told of it. HOSTILE: the guest has its word in every text. */
export function printFinding(finding: FindingDocument, { output }: Context): void {
  const { id, title, vm, detector, severity, severityBy, because, state, note } = finding;
  const { acknowledged, closed, firstSeen, lastSeen, remediation, evidence, withheld } = finding;
  const known: Readonly<Record<string, string>> = techniques;
  output.table(
    [{ title: "FIELD" }, { title: "VALUE" }],
    [
      ["finding", id],
      ["what", title],
      ["vm", `${vm.name} (${vm.uuid})`],
      ["detector", detector],
      ["severity", `${severity}, says ${severityBy === "detector" ? "the detector" : severityBy}`],
      ["because", because],
      ...finding.techniques.map((each) => ["technique", `${each} ${known[each] ?? ""}`.trim()]),
      ["state", state],
      ...(acknowledged ? [["known until", `${acknowledged.until}, says ${acknowledged.by}`]] : []),
      ...(closed ? [["closed by", `${closed.by}: ${closed.because}`]] : []),
      ...(note === undefined ? [] : [["note", note]]),
      ["first seen", firstSeen],
      ["last seen", lastSeen],
      ["what to do", remediation],
    ],
  );
  output.text(`\n${output.style.strong("EVIDENCE")}\n`);
  if (withheld !== undefined) output.text(`  withheld: ${printable(withheld)}\n`);
  for (const each of evidence) printEvidence(each, output);
  if (finding.responses.length > 0) printResponses(finding.responses, output);
}

function printResponses(responses: FindingDocument["responses"], output: Context["output"]): void {
  output.text("\n");
  output.table(
    [
      { title: "RESPONSE" },
      { title: "RULE" },
      { title: "STATE" },
      { title: "AT" },
      { title: "WHAT" },
    ],
    responses.map(({ response, rule, state, request, decision, at, steps, message }) => [
      ...[
        response,
        rule,
        state === "rehearsed" ? `dry run: ${decision ?? "-"}` : (request ?? state),
      ],
      ...[at, message ?? steps.join(" ")],
    ]),
  );
}

function printEvidence(evidence: Finding["evidence"][number], output: Context["output"]): void {
  const { what, address, expected, seen, expectedBytes, seenBytes, disassembly, path } = evidence;
  const line = (name: string, text: string | undefined) => {
    if (text !== undefined) output.text(`    ${name.padEnd(9)} ${printable(text)}\n`);
  };
  output.text(`  ${printable(address === undefined ? what : `${what} at ${address}`)}\n`);
  line("expected", expected);
  line("seen", seen);
  line("expected", expectedBytes);
  line("seen", seenBytes);
  for (const each of disassembly ?? []) line("", each);
  line("path", path?.join(" → "));
}

function minute(time: string): string {
  return time.slice(0, 16).replace("T", " ");
}
