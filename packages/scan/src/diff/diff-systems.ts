import type { Milliseconds } from "@casemate/core";
import type { LuksKey } from "@casemate/formats/disk";
import { attempt } from "../attempt.ts";
import { type RunOptions, runSections } from "../run-sections.ts";
import type { SystemScan } from "../scan.ts";
import { ScanBudget } from "../scan-budget.ts";
import { type Sections, sectionNames } from "../section.ts";
import { describeSystem, type OpenedSystem, openSystem } from "../system/open-system.ts";
import type { SystemDisk } from "../system/system-disk.ts";
import { compareFiles, type FileComparison } from "./compare-files.ts";
import { compareRows, type RowChange } from "./compare-rows.ts";
import type { FileChange } from "./file-change.ts";
import type { ReadTrace } from "./read-trace.ts";

/** One of two states of a system, and what of it could not be looked at. */
export type DiffedState = Omit<SystemScan<Record<never, never>>, "found">;

/** What differs between two states of a system. */
export interface SystemDiff<Rows extends Record<keyof Rows, object>> {
  readonly before: DiffedState;
  readonly after: DiffedState;
  /** By section; none of them where a system is on neither's disks. */
  readonly changes: { readonly [Name in keyof Rows]?: readonly RowChange<Rows[Name]>[] };
  /** Absent where they were not asked for, or a system is on neither's disks. */
  readonly files?: readonly FileChange[];
}

export interface DiffOptions<Rows> {
  /** For both states together. */
  readonly budget: Milliseconds;
  /** The sections that are asked for; unless given, all but those on request. */
  readonly only?: readonly (keyof Rows)[] | undefined;
  /** Whether files are compared; unless given, where no sections are asked for. */
  readonly files?: boolean | undefined;
  /** Opens what is encrypted with LUKS; tried on each such volume. */
  readonly key?: LuksKey | undefined;
  /** What the images of both are read through. */
  readonly trace?: ReadTrace | undefined;
}

/**
 * Compares the systems on two sets of disks: what `sections` have, then the files. HOSTILE: the guest controls all
 * of both.
 *
 * Never throws for what it meets on them: that is missed in the states of the result.
 */
export function diffSystems<Rows extends Record<keyof Rows, object>>(
  disks: { readonly before: readonly SystemDisk[]; readonly after: readonly SystemDisk[] },
  sections: Sections<Rows>,
  { budget: limit, only, files: wantsFiles = only === undefined, key, trace }: DiffOptions<Rows>,
): SystemDiff<Rows> {
  const budget = new ScanBudget(limit);
  const before = openSystem(disks.before, { budget, key });
  const after = openSystem(disks.after, { budget, key });
  const isWhole = before.mounted !== undefined && after.mounted !== undefined;
  const compared =
    isWhole && wantsFiles
      ? attempt(after.look, "/", () => compareFiles(before.look, after.look, { budget, trace }))
      : undefined;
  const options = { budget, only, reads: compared && readsChanged(compared) };
  const changes = isWhole ? compareSections(before, after, sections, options) : {};
  const files = compared?.changes;
  return {
    before: describeSystem(before),
    after: describeSystem(after),
    changes,
    ...(files === undefined ? {} : { files }),
  };
}

function compareSections<Rows extends Record<keyof Rows, object>>(
  before: OpenedSystem,
  after: OpenedSystem,
  sections: Sections<Rows>,
  options: RunOptions<Rows>,
): SystemDiff<Rows>["changes"] {
  const { found: old } = runSections(before.look, sections, options);
  const { found: fresh } = runSections(after.look, sections, options);
  const changes: { [Name in keyof Rows]?: readonly RowChange<Rows[Name]>[] } = {};
  for (const name of sectionNames(sections)) {
    const rows = [old[name], fresh[name]] as const;
    if (rows[0] === undefined || rows[1] === undefined) continue;
    changes[name] = compareRows(rows[0], rows[1], sections[name]);
  }
  return changes;
}

/** What is in a file that is the same in both states says the same of both: it is not read for that. */
function readsChanged({
  changes,
  isWhole,
}: FileComparison): ((path: string) => boolean) | undefined {
  if (!isWhole) return undefined;
  const paths = new Set<string>();
  for (const change of changes) {
    paths.add(change.path);
    if (change.change === "renamed") paths.add(change.from);
  }
  return (path) => paths.has(path);
}
