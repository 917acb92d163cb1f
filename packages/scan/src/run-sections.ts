import { CasemateError } from "@casemate/core";
import { attempt } from "./attempt.ts";
import type { Look } from "./look.ts";
import { freshUnits, type ScanUnits } from "./reuse/scan-units.ts";
import type { ScanBudget } from "./scan-budget.ts";
import { type Found, type Sections, sectionNames } from "./section.ts";
import { type TreeCount, type Visiting, walkFiles } from "./walk-files.ts";

/** Of each section. HOSTILE: a made-up database may list as many packages as it has bytes. */
const MAX_ROWS = 250_000;

/** What sections found, and how much of the tree was walked for it. */
export interface RunResult<Rows extends Record<keyof Rows, object>> {
  readonly found: Found<Rows>;
  /** `undefined` where no section needed the tree to be walked. */
  readonly walked: TreeCount | undefined;
}

export interface RunOptions<Rows> {
  readonly budget: ScanBudget;
  /** The sections that are asked for; unless given, all but those on request. */
  readonly only?: readonly (keyof Rows)[] | undefined;
  /** Whose contents visitors get to read; of all files unless given. */
  readonly reads?: ((path: string) => boolean) | undefined;
  readonly units?: ScanUnits | undefined;
}

/**
 * Runs every collector of `sections`, and all their visitors and surveys over one walk of the tree. What one of them
 * could not look at is missed in `look`, and the others go on.
 */
export function runSections<Rows extends Record<keyof Rows, object>>(
  look: Look,
  sections: Sections<Rows>,
  { budget, only = usualSections(sections), units = freshUnits, reads }: RunOptions<Rows>,
): RunResult<Rows> {
  const found: { [Name in keyof Rows]?: readonly Rows[Name][] } = {};
  const visitors: Visiting[] = [];
  const endings: (() => void)[] = [];
  for (const name of only) {
    const rows: Rows[typeof name][] = [];
    found[name] = rows;
    const { collectors = [], visitors: own = [], informed = [], surveys = [] } = sections[name];
    for (const collector of collectors) {
      attempt(look, collector.id, () => take(units.collect(look, collector), rows, budget));
    }
    const those = informed.map((each) => attempt(look, each.id, () => units.inform(look, each)));
    for (const visitor of [...own, ...those.filter((each) => each !== undefined)]) {
      visitors.push({
        wants: (path, stat) => {
          const wanted = visitor.wants(path, stat);
          return wanted === "contents" && reads?.(path) === false ? "nothing" : wanted;
        },
        visit: (file, node) => take(units.visit(visitor, file, node), rows, budget),
      });
    }
    for (const survey of surveys) {
      const surveying = attempt(look, survey.id, () => survey.begin(look));
      if (surveying === undefined) continue;
      visitors.push({
        wants: (path, stat) => surveying.wants(path, stat),
        visit: (file) => take(surveying.visit(file), rows, budget),
      });
      endings.push(() => attempt(look, survey.id, () => take(surveying.end(), rows, budget)));
    }
  }
  let walked: TreeCount | undefined;
  if (visitors.length > 0) {
    const counted = { files: 0, unreadable: 0 };
    walked = counted;
    attempt(look, "/", () => {
      walkFiles(look, visitors, { tree: units.tree(look), budget, counted });
      for (const end of endings) end();
    });
  }
  for (const name of only) {
    const rows = found[name];
    const { refine } = sections[name];
    if (rows === undefined || refine === undefined) continue;
    found[name] = attempt(look, `${String(name)}/refine`, () => refine(look, rows)) ?? rows;
  }
  return { found, walked };
}

function usualSections<Rows extends Record<keyof Rows, object>>(
  sections: Sections<Rows>,
): readonly (keyof Rows)[] {
  return sectionNames(sections).filter((name) => sections[name].isOnRequest !== true);
}

/** Adds the rows. HOSTILE: they may go on without end, and each take its time. */
function take<Row>(from: Iterable<Row>, rows: Row[], budget: ScanBudget): void {
  for (const row of from) {
    if (rows.length % 256 === 0) budget.verify();
    if (rows.length >= MAX_ROWS) {
      throw new CasemateError(
        "disk/unsupported",
        `Cannot list all: there are more than ${MAX_ROWS} rows, expected fewer.`,
      );
    }
    rows.push(row);
  }
}
