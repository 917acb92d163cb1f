import type { GuestSweep } from "@casemate/agent";
import { type Suspicion, techniques, type Verdict } from "@casemate/inspect";
import { describeCoverage } from "./describe-coverage.ts";
import type { Output } from "./output.ts";
import { printable } from "./printable.ts";

/** Each detector's verdict in a line; what was found with its evidence above, what could not be seen below. */
export function printCheck({ verdicts }: Pick<GuestSweep, "verdicts">, output: Output): void {
  for (const { detector, suspicions } of verdicts) {
    for (const suspicion of suspicions) printSuspicion(detector, suspicion, output);
  }
  output.table(
    [
      ...[{ title: "DETECTOR" }, { title: "VERDICT" }],
      ...([
        { title: "LOOKED AT", align: "right" },
        { title: "TOOK", align: "right" },
      ] as const), // literals
    ],
    verdicts.map((each) => [
      ...[each.detector, wordOf(each)],
      ...[describeCoverage(each.coverage), `${each.milliseconds.toFixed(1)} ms`],
    ]),
  );
  const missed = verdicts.flatMap(({ detector, missed: all }) =>
    all.map(({ what, reason }) => [detector, what, reason]),
  );
  if (missed.length === 0) return;
  output.text(`\n${output.style.bad("Not everything could be looked at")}\n`);
  output.table([{ title: "DETECTOR" }, { title: "NOT SEEN" }, { title: "REASON" }], missed);
}

function printSuspicion(
  detector: string,
  { severity, title, because, techniques: ids, evidence, remediation }: Suspicion,
  { text, table, style }: Output,
): void {
  text(`${style.bad(severity.toUpperCase())} ${style.strong(printable(title))}\n`);
  table(
    [{ title: "FIELD" }, { title: "VALUE" }],
    [
      ["detector", detector],
      ["severity", `${severity}: ${because}`],
      ...ids.map((id) => ["technique", `${id} ${techniques[id]}`]),
      ...evidence.flatMap((each) => [
        [
          "evidence",
          [each.what, ...(each.address === undefined ? [] : [each.address])].join(" at "),
        ],
        ...(each.path === undefined ? [] : [["  reached by", each.path.join(" → ")]]),
        ...(each.expected === undefined ? [] : [["  expected", each.expected]]),
        ...(each.seen === undefined ? [] : [["  seen", each.seen]]),
        ...(each.expectedBytes === undefined ? [] : [["  expected bytes", each.expectedBytes]]),
        ...(each.seenBytes === undefined ? [] : [["  seen bytes", each.seenBytes]]),
        ...(each.disassembly ?? []).map((line) => ["  code", line]),
      ]),
      ["what to do", remediation],
    ],
  );
  text("\n");
}

function wordOf({ verdict, suspicions }: Verdict): string {
  return verdict === "suspicious" ? `suspicious (${suspicions.length})` : verdict;
}
