import type { Collector } from "./collector.ts";
import type { InformedVisitor } from "./informed-visitor.ts";
import type { Look } from "./look.ts";
import type { Survey } from "./survey.ts";
import type { Visitor } from "./visitor.ts";

/** A column of a section's table, for people. */
export interface SectionColumn<Row extends object> {
  readonly title: string;
  readonly align?: "left" | "right";
  text(row: Row): string;
}

/** One kind of rows of a scan, and everything that finds them. */
export interface Section<Row extends object> {
  /** `installed packages`: what its rows are. */
  readonly title: string;
  readonly columns: readonly SectionColumn<Row>[];
  /** Thousands of rows on every system: people get to see how many, unless they ask for it alone. */
  readonly isLong?: boolean;
  /** How many there are, for people, where the number of rows alone would mislead. */
  count?(rows: readonly Row[]): string;
  /** It takes reading all of many files: it is done where it is asked for. */
  readonly isOnRequest?: boolean;
  /** What stays the same of a row while the rest of it changes; without one, the whole row is. */
  key?(row: Row): string;
  /** Which of two rows of one key is the newer: negative where `before` is older. `undefined` where nobody can tell. */
  order?(before: Row, after: Row): number | undefined;
  /** What is left out on purpose, for people: nobody is to take it for looked at. */
  readonly omitted?: readonly string[];
  readonly collectors?: readonly Collector<Row>[];
  readonly visitors?: readonly Visitor<Row>[];
  readonly informed?: readonly InformedVisitor<Row>[];
  readonly surveys?: readonly Survey<Row>[];
  /** The rows with what takes all of them to tell; done anew in every scan, wherever rows come from. */
  refine?(look: Look, rows: readonly Row[]): readonly Row[];
}

/** Sections by name; `Rows` has each one's row. */
export type Sections<Rows extends Record<keyof Rows, object>> = {
  readonly [Name in keyof Rows]: Section<Rows[Name]>;
};

/** What sections found: the rows of each that was asked for. */
export type Found<Rows extends Record<keyof Rows, object>> = {
  readonly [Name in keyof Rows]?: readonly Rows[Name][];
};

/** The names of sections, in their order. */
export function sectionNames<Rows extends Record<keyof Rows, object>>(
  sections: Sections<Rows>,
): readonly (keyof Rows)[] {
  return Object.keys(sections) as (keyof Rows)[]; // a mapped type has no keys but these
}
