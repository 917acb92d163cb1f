import { type BlockReader, type FileNode, type FileStat, readBytes } from "@casemate/formats/disk";
import type { ScanBudget } from "./scan-budget.ts";
import type { VisitedFile } from "./visitor.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/** A file of a tree, read within the time of a scan. */
export class WalkedFile implements VisitedFile {
  readonly path: string;
  readonly stat: FileStat;
  readonly #node: FileNode;
  readonly #budget: ScanBudget;
  #contents: BlockReader | undefined;
  #head = NOTHING;

  constructor(path: string, node: FileNode, budget: ScanBudget) {
    this.path = path;
    this.stat = node.stat;
    this.#node = node;
    this.#budget = budget;
  }

  contents(): BlockReader {
    this.#contents ??= withinBudget(this.#node.contents(), this.#budget);
    return this.#contents;
  }

  head(bytes: number): Buffer {
    const length = Math.min(bytes, this.contents().size);
    if (this.#head.length < length) {
      this.#head = readBytes(this.contents(), 0, length, this.path);
    }
    return this.#head.subarray(0, length);
  }

  target(): string {
    return this.#node.target();
  }
}

/** HOSTILE: a file of holes has any size. */
function withinBudget(contents: BlockReader, budget: ScanBudget): BlockReader {
  return {
    size: contents.size,
    read(offset, target) {
      budget.verify();
      contents.read(offset, target);
    },
  };
}
