import { CasemateError } from "@casemate/core";
import { type BlockReader, type FileNode, type FileStat, readBytes } from "@casemate/formats/disk";
import type { Look } from "./look.ts";
import type { ScanBudget } from "./scan-budget.ts";
import type { VisitedFile, Visitor } from "./visitor.ts";

/** What a walk came past. */
export interface TreeCount {
  files: number;
  /** Files and directories that could not be opened. */
  unreadable: number;
}

export interface WalkOptions {
  readonly budget: ScanBudget;
  /** Counted up as the walk goes on, and so right when it ends early. */
  readonly counted: TreeCount;
}

/** A visitor, and where its rows go. */
export interface Visiting extends Pick<Visitor<object>, "wants"> {
  visit(file: VisitedFile): void;
}

/**
 * The one walk through a system's tree: each file is put to every visitor, and read for all of them at once.
 * Throws `inspect/budget`.
 */
export function walkFiles(
  look: Look,
  visitors: readonly Visiting[],
  { budget, counted }: WalkOptions,
): void {
  for (const { path, node, problem } of look.files.walk()) {
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
      file ??= new WalkedFile(path, node);
      try {
        visitor.visit(file);
      } catch (thrown) {
        if (!(thrown instanceof CasemateError) || thrown.code === "inspect/budget") throw thrown;
        look.miss(path, thrown);
      }
    }
  }
}

class WalkedFile implements VisitedFile {
  readonly path: string;
  readonly stat: FileStat;
  readonly #node: FileNode;
  #contents: BlockReader | undefined;
  #head: Buffer = Buffer.alloc(0);

  constructor(path: string, node: FileNode) {
    this.path = path;
    this.stat = node.stat;
    this.#node = node;
  }

  contents(): BlockReader {
    this.#contents ??= this.#node.contents();
    return this.#contents;
  }

  head(bytes: number): Buffer {
    const length = Math.min(bytes, this.contents().size);
    if (this.#head.length < length) {
      this.#head = readBytes(this.contents(), 0, length, this.path);
    }
    return this.#head.subarray(0, length);
  }
}
