import type { FileNode, FileSystem } from "@casemate/formats/disk";
import type { Collector } from "../collector.ts";
import type { InformedVisitor } from "../informed-visitor.ts";
import type { Look } from "../look.ts";
import type { VisitedFile, Visitor } from "../visitor.ts";

/** The pieces that a scan's work falls into, each done, or taken from where it was done before. */
export interface ScanUnits {
  /** Finds the volumes of the disks and opens their file systems. */
  open<Opened>(work: () => Opened): Opened;
  /** Finds the system on them; `describe` has all that the other pieces go by. */
  mount<Mounted>(work: () => Mounted, describe: (mounted: Mounted) => unknown): Mounted;
  /** The rows of a collector. */
  collect<Row extends object>(look: Look, collector: Collector<Row>): Iterable<Row>;
  /** The visitor, once it knows what it goes by. */
  inform<Row extends object>(look: Look, visitor: InformedVisitor<Row>): Visitor<Row>;
  /** The rows of a visitor of one file, which the walk found as `node`. */
  visit<Row extends object>(
    visitor: Visitor<Row>,
    file: VisitedFile,
    node: FileNode,
  ): Iterable<Row>;
  /** The tree that is walked. */
  tree(look: Look): FileSystem;
}

/** All of it is done. */
export const freshUnits: ScanUnits = {
  open: (work) => work(),
  mount: (work) => work(),
  collect: (look, collector) => collector.collect(look),
  inform: (look, visitor) => ({ ...visitor, ...visitor.inform(look) }),
  visit: (visitor, file) => visitor.visit(file),
  tree: ({ files }) => files,
};
