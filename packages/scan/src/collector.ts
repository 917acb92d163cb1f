import type { Look } from "./look.ts";

/**
 * Reads known places of a system.
 *
 * Rows are plain JSON, times in them ISO 8601. A collector says with `look.miss` what it could not read, and
 * goes on; what it throws (`disk/*`, `inspect/budget`) ends it alone, and what it yielded before stays.
 */
export interface Collector<Row extends object> {
  /** `packages/dpkg`: its section, and what it reads. */
  readonly id: string;
  collect(look: Look): Iterable<Row>;
}
