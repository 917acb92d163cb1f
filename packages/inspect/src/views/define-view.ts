import type { Budget } from "../budget.ts";
import type { Access, DataClass } from "../kernel/data-class.ts";
import type { Look } from "../kernel/grant.ts";

/** One column of a view's table: a property of its rows, and how people see it. */
export interface Column<Row> {
  readonly key: keyof Row & string;
  readonly title: string;
  readonly align?: "left" | "right";
  /** The cell's text; `String` of the value if it is left out. Need not be `printable`: the printer sees to it. */
  text?(row: Row): string;
}

/** What a view is told besides where to look: `PID`, `PATH`. One that may be left out has `undefined` in its type. */
export interface ViewArgument<Argument> {
  /** As help shows it: `PID`. */
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** The argument as a checked value. Throws `usage`. */
  parse(text: string): Argument;
}

/** A typed table read out of a guest's memory. */
export interface View<Needs extends DataClass, Row extends object, Argument = undefined> {
  /** As on the command line: `processes`. */
  readonly id: string;
  /** The `kind` of its JSON document: `ProcessList`. */
  readonly kind: string;
  readonly title: string;
  /** The classes of data it reads; it gets readers for these only. */
  readonly needs: readonly Needs[];
  readonly argument?: ViewArgument<Argument>;
  /**
   * Its rows, of JSON's own types. Walks pay from `budget` by themselves; other loops over what the guest
   * counts call `budget.step()`.
   */
  read(access: Access<Needs>, budget: Budget, argument: Argument): readonly Row[];
  readonly columns: readonly Column<Row>[];
  /** Only of a view of contents: the bytes that its rows stand for. */
  contents?(rows: readonly Row[]): Contents;
}

/** Bytes that rows stand for. HOSTILE. */
export interface Contents {
  /** Up to the first that are missing. */
  readonly bytes: Uint8Array;
  /** How many more there are, of which some may be in the rows. */
  readonly missing: number;
}

/** A view's rows, with how far they can be trusted and what they cost. */
export interface ViewResult<Row> extends Omit<Look<never>, "value"> {
  readonly view: string;
  readonly kind: string;
  readonly items: readonly Row[];
}

/**
 * A view as a value; it takes its place in the list of `views.ts`.
 *
 * Write `columns` after `read`: TypeScript learns from `read` what a row is.
 */
export function defineView<const Needs extends DataClass, Row extends object, Argument = undefined>(
  view: View<Needs, Row, Argument>,
): View<Needs, Row, Argument> {
  return view;
}
