import { CasemateError } from "@casemate/core";
import type { FileNode, FileSystem } from "@casemate/formats/disk";
import type { Look } from "./look.ts";
import type { ScanBudget } from "./scan-budget.ts";
import type { VisitedFile, Visitor } from "./visitor.ts";
import { WalkedFile } from "./walked-file.ts";

/** What a walk came past. */
export interface TreeCount {
  files: number;
  /** Files and directories that could not be opened. */
  unreadable: number;
}

export interface WalkOptions {
  readonly tree: FileSystem;
  readonly budget: ScanBudget;
  /** Counted up as the walk goes on, and so right when it ends early. */
  readonly counted: TreeCount;
}

/** A visitor, and where its rows go. */
export interface Visiting extends Pick<Visitor<object>, "wants"> {
  /** @param node the file as the walk found it */
  visit(file: VisitedFile, node: FileNode): void;
}

/**
 * The one walk through a system's tree: each file is put to every visitor, and read for all of them at once.
 * Throws `inspect/budget`.
 */
export function walkFiles(
  look: Look,
  visitors: readonly Visiting[],
  { tree, budget, counted }: WalkOptions,
): void {
  for (const { path, node, problem } of tree.walk()) {
    counted.files += 1;
    if (counted.files % 64 === 0) budget.verify();
    if (problem !== undefined) {
      counted.unreadable += 1;
      look.miss(path, problem);
      continue;
    }
    let file: VisitedFile | undefined;
    for (const visitor of visitors) {
      const wanted = visitor.wants(path, node.stat);
      if (wanted === "nothing" || (wanted === "contents" && node.stat.type !== "file")) continue;
      file ??= new WalkedFile(path, node, budget);
      try {
        visitor.visit(file, node);
      } catch (thrown) {
        if (!(thrown instanceof CasemateError) || thrown.code === "inspect/budget") throw thrown;
        look.miss(path, thrown);
      }
    }
  }
}
