import type { Look } from "./look.ts";
import type { Visitor } from "./visitor.ts";

/** A visitor that goes by what known places of the system say, too: a list of all packages' files. */
export interface InformedVisitor<Row extends object> extends Pick<Visitor<Row>, "id" | "wants"> {
  /** Reads them. What it throws of `disk/*` ends this visitor alone. */
  inform(look: Look): Pick<Visitor<Row>, "visit">;
}
