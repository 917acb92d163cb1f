import type { VmWatch } from "@casemate/control";
import { describeCoverage } from "./describe-coverage.ts";
import type { Output } from "./output.ts";

/** How the watch over a VM stands, as rows of a table of fields. */
export function describeWatch(watch: VmWatch): string[][] {
  const { verdict, coverage, openFindings, classes, lastSweep, failure, budget } = watch;
  return [
    ["verdict", verdict],
    ["coverage", `${coverage.looked} of ${coverage.total} checks`],
    ["open findings", String(openFindings)],
    ["may read", classes.join(", ") || "nothing"],
    [
      "last sweep",
      lastSweep === undefined
        ? "none"
        : `${lastSweep.at}, ${lastSweep.cpuMs.toFixed(1)} ms of processor`,
    ],
    ...(failure === undefined ? [] : [["not swept", `${failure.at}: ${failure.message}`]]),
    ...(watch.nextSweep === undefined ? [] : [["next sweep", watch.nextSweep]]),
    ...(budget === undefined
      ? []
      : [
          [
            "budget",
            `${budget.cpuMsLastMinute.toFixed(0)} ms of ${budget.cpuMsPerMinute} ms in the last minute, no pause`,
          ],
        ]),
    ...(watch.untold === 0
      ? []
      : [["too many", `${watch.untold} suspicions are not told one by one`]]),
  ];
}

/** What each detector said last. */
export function printDetectors({ detectors, unasked }: VmWatch, output: Output): void {
  output.text("\n");
  output.table(
    [
      { title: "DETECTOR" },
      { title: "VERDICT" },
      { title: "LOOKED AT", align: "right" },
      { title: "MS", align: "right" },
      { title: "AT" },
      { title: "NOT LOOKED AT" },
    ],
    [
      ...detectors.map(({ detector, verdict, coverage, milliseconds, at, missed }) => [
        ...[detector, verdict, describeCoverage(coverage), milliseconds.toFixed(1)],
        ...[at, missed.map(({ what, reason }) => `${what}: ${reason}`).join(" ")],
      ]),
      ...unasked.map(({ detector, reason }) => [detector, "inconclusive", "-", "-", "-", reason]),
    ],
  );
}
