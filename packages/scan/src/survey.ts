import type { Look } from "./look.ts";
import type { Visitor } from "./visitor.ts";

/** A visitor that first reads known places of a system, and at the end says what the walk did not come past. */
export interface Survey<Row extends object> {
  /** `packageFiles/checksums`: its section, and what it looks for. */
  readonly id: string;
  /** What it throws of `disk/*` ends it alone. */
  begin(look: Look): Surveying<Row>;
}

/** A survey of one look, under way. */
export interface Surveying<Row extends object> extends Pick<Visitor<Row>, "wants" | "visit"> {
  /** What is left to say; asked only where the walk came to its end. */
  end(): Iterable<Row>;
}
