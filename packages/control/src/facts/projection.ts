import type { Fact } from "@casemate/ledger";
import type { Kysely } from "kysely";
import type { ProjectedTables } from "./projected-tables.ts";

/** Tables that follow from facts alone, and can be made anew from them. */
export interface Projection {
  readonly name: string;
  createTables(db: Kysely<ProjectedTables>): Promise<void>;
  /** Changes its tables as `fact` says. Called once for each fact, in their order. */
  fold(db: Kysely<ProjectedTables>, fact: Fact): Promise<void>;
}
