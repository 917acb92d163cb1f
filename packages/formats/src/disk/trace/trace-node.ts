import type { BlockReader } from "../block-reader.ts";
import type { DirectoryEntry, FileNode, FileStat } from "../fs/file-node.ts";
import { ReadTrace } from "./read-trace.ts";
import { isTracing, traceReads } from "./trace-reads.ts";

export interface TraceNodeOptions {
  /** A directory has all that is known of its files: there are no inodes. */
  readonly entriesTell?: boolean;
}

/**
 * Opens a file so that whoever uses it has read what it was made of, whenever that was read; as it is where
 * nobody traces.
 */
export function traceNode(open: () => FileNode, options: TraceNodeOptions = {}): FileNode {
  if (!isTracing()) return open();
  const reads = new ReadTrace();
  return new TracedNode(traceReads(reads, open), reads, options);
}

class TracedNode implements FileNode {
  readonly #node: FileNode;
  /** All that was ever read by this one: it may keep any of it. */
  readonly #reads: ReadTrace;
  readonly #options: TraceNodeOptions;

  constructor(node: FileNode, reads: ReadTrace, options: TraceNodeOptions) {
    this.#node = node;
    this.#reads = reads;
    this.#options = options;
  }

  get stat(): FileStat {
    return traceReads(this.#reads, () => this.#node.stat);
  }

  *entries(): Generator<DirectoryEntry> {
    const entries = traceReads(this.#reads, () => this.#node.entries()[Symbol.iterator]());
    for (;;) {
      const next = traceReads(this.#reads, () => entries.next());
      if (next.done === true) return;
      const { name, open } = next.value;
      yield { name, open: () => traceNode(() => this.#openBelow(open), this.#options) };
    }
  }

  contents(): BlockReader {
    const contents = traceReads(this.#reads, () => this.#node.contents());
    return {
      size: contents.size,
      read: (offset, target) => traceReads(this.#reads, () => contents.read(offset, target)),
    };
  }

  target(): string {
    return traceReads(this.#reads, () => this.#node.target());
  }

  #openBelow(open: () => FileNode): FileNode {
    return this.#options.entriesTell === true ? traceReads(this.#reads, open) : open();
  }
}
