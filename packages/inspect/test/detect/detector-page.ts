import { detectors } from "../../src/detect/detectors.ts";
import { techniques } from "../../src/index.ts";
import { formatTable } from "../format-table.ts";
import type { DetectorCase } from "./detector-case.ts";

/** What one kernel's guest showed of detectors. */
export interface DetectorAnswers {
  /** `Debian 12, cloud`: stays when Debian publishes another kernel. */
  readonly title: string;
  /** `uname -r`. */
  readonly release: string;
  /** What each detector said of the guest as it was, by id: `clean`, or `inconclusive: …`. */
  readonly untouched: ReadonlyMap<string, string>;
  readonly outcomes: readonly CaseOutcome[];
}

export interface CaseOutcome {
  readonly tried: DetectorCase;
  readonly outcome: "as expected" | "otherwise" | { readonly without: string };
}

const HEAD = `# Detectors

What \`packages/inspect/test/detect/detect.guest.test.ts\` finds, which fails where this page says something else;
with \`--write\` it writes the page. Each kernel is booted; every detector looks at it as it is, then the guest's
memory is tampered with from outside, case by case, the detector is asked, and everything is put back.

- **hits**: cases of tampering that the detector found, while the guest ran.
- **clean**: what it said of the guest before and after.
- **blind told**: cases of damage in which it said that it could not look, instead of clean.
`;

/** The page about detectors and kernels. */
export function formatDetectorPage(
  kernels: readonly DetectorAnswers[],
  cases: readonly DetectorCase[],
): string {
  const notes: string[] = [];
  const noteOf = (text: string) => {
    if (!notes.includes(text)) notes.push(text);
    return `(${notes.indexOf(text) + 1})`;
  };
  const cell = ({ outcomes, untouched }: DetectorAnswers, id: string) => {
    const about = outcomes.filter(({ tried }) => tried.detector === id);
    const count = (isBlind: boolean) =>
      about.filter(
        ({ tried, outcome }) =>
          outcome === "as expected" && (tried.finds === "could not look") === isBlind,
      ).length;
    const wrong = about.filter(({ outcome }) => outcome === "otherwise").length;
    const missing = about.flatMap(({ tried, outcome }) =>
      typeof outcome === "object"
        ? noteOf(`${id}: not there: ${tried.claim}: ${outcome.without}`)
        : [],
    );
    const said = untouched.get(id) ?? "not asked";
    const state = /^\w+$/.test(said) ? said : `${said.split(":")[0]} ${noteOf(`${id}: ${said}`)}`;
    return [
      `${count(false)} hits`,
      state,
      `${count(true)} blind told`,
      ...(wrong > 0 ? [`${wrong} WRONG`] : []),
      ...missing,
    ].join(", ");
  };
  const table = formatTable([
    ["detector", ...kernels.map(({ title }) => title)],
    ["release", ...kernels.map(({ release }) => release)],
    ...detectors.map(({ id }) => [id, ...kernels.map((one) => cell(one, id))]),
  ]);
  const list = notes.map((note, index) => `${index + 1}. ${note}`);
  const about = detectors.flatMap(({ id, title, techniques: named, needs, cost, blindTo }) => {
    const known: Readonly<Record<string, string>> = techniques;
    return [
      "",
      `## ${id}`,
      "",
      `${title}. ATT&CK: ${named.map((technique: string) => `${technique} ${known[technique]}`).join(", ")}. Reads ${needs.join(" and ")}; ${cost} cost.`,
      "",
      ...cases
        .filter(({ detector }) => detector === id)
        .map(({ claim, finds }) => {
          return finds === "could not look" ? `- could not look: ${claim}` : `- finds ${claim}`;
        }),
      ...blindTo.map((sentence: string) => `- does not see: ${sentence}`),
    ];
  });
  return `${[HEAD, ...table, "", ...list, ...about]
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trimEnd()}\n`;
}
