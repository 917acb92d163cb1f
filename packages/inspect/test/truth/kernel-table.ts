import { views } from "../../src/index.ts";
import { formatTable } from "../format-table.ts";
import type { Outcome } from "./ask-guest.ts";

/** What one kernel's guest answered. */
export interface KernelAnswers {
  /** `Debian 12, cloud`: stays when Debian publishes another kernel. */
  readonly title: string;
  /** `uname -r`. */
  readonly release: string;
  readonly outcomes: readonly Outcome[];
}

/** The line of the table that changes with each kernel that Debian publishes. */
const RELEASE = "release";

const HEAD = `# Kernels

What \`packages/inspect/test/views.guest.test.ts\` finds, which fails where this page says something else; with
\`--write\` it writes the page. Each kernel is booted and fills itself with things to be seen; then every view is
compared with what the guest's own tools say, while the guest runs and in a dump of it.

- **equal**: every truth about the view held, live and from the dump.
- **not there**: what this kernel does not have, so there was nothing to compare.
- **inconclusive**: what the guest's own tools do not tell, with the reason.
`;

/** The page about kernels and views. */
export function formatKernelTable(kernels: readonly KernelAnswers[]): string {
  const notes: string[] = [];
  const cell = ({ outcomes }: KernelAnswers, view: string) => {
    const about = outcomes.filter(({ truth }) => truth.view === view);
    if (about.length === 0) return "not asked";
    const isEqual = about.every(({ failure }) => failure === undefined);
    const said = [...new Set(about.flatMap((outcome) => outcome.notes))].sort().join("; ");
    if (said === "") return isEqual ? "equal" : "differs";
    if (!notes.includes(`${view}: ${said}`)) notes.push(`${view}: ${said}`);
    return `${isEqual ? "equal" : "differs"} (${notes.indexOf(`${view}: ${said}`) + 1})`;
  };
  const lines = formatTable([
    ["view", ...kernels.map(({ title }) => title)],
    [RELEASE, ...kernels.map(({ release }) => release)],
    ...views.map(({ id }) => [id, ...kernels.map((one) => cell(one, id))]),
  ]);
  const list = notes.map((note, index) => `${index + 1}. ${note}`);
  return `${[HEAD, ...lines, "", ...list].join("\n").trimEnd()}\n`;
}

/** The page without what changes with each kernel that Debian publishes: its release, and how wide that is. */
export function withoutReleases(page: string): string {
  return page
    .split("\n")
    .filter((line) => !line.startsWith(`| ${RELEASE} `))
    .map((line) =>
      line.startsWith("|") ? line.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-") : line,
    )
    .join("\n");
}
