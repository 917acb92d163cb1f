import { CasemateError } from "@casemate/core";
import type { Fact } from "../facts/fact.ts";
import { DurableFiles } from "./durable-files.ts";
import { FactReader } from "./fact-reader.ts";
import { KEYS, type KeyChain, parseKeyChain } from "./key-chain.ts";
import { CHECKPOINT, type SignedCheckpoint, verifyCheckpoint } from "./signed-checkpoint.ts";

/**
 * What a ledger has proven so far: the facts under its newest checkpoint when it was opened. Takes no lock, so
 * it may be read while somebody writes.
 */
export class LedgerReader {
  readonly checkpoint: SignedCheckpoint;
  readonly keys: KeyChain;
  readonly files: DurableFiles;
  readonly facts: FactReader;

  private constructor(files: DurableFiles, keys: KeyChain, checkpoint: SignedCheckpoint) {
    this.files = files;
    this.keys = keys;
    this.checkpoint = checkpoint;
    this.facts = new FactReader((path) => files.read(path));
  }

  /** Throws `ledger/not-found` where no ledger is, `ledger/damaged`, `ledger/unproven`. */
  static async open(directory: string): Promise<LedgerReader> {
    const files = new DurableFiles(directory);
    const keys = await files.read(KEYS);
    const checkpoint = await files.read(CHECKPOINT);
    if (keys === undefined || checkpoint === undefined) {
      throw new CasemateError(
        "ledger/not-found",
        `Cannot open the ledger ${directory}: it has no ${keys === undefined ? KEYS : CHECKPOINT}, expected a ledger.`,
        { next: "Name a ledger's directory with --ledger, or Casemate's with --data." },
      );
    }
    const chain = parseKeyChain(keys.toString("utf8"));
    return new LedgerReader(files, chain, verifyCheckpoint(checkpoint.toString("utf8"), chain));
  }

  get size(): number {
    return this.checkpoint.size;
  }

  /** Throws `ledger/not-found`, `ledger/damaged`. */
  async read(index: number): Promise<Fact> {
    return await this.facts.read(index, this.size);
  }

  /** Facts `from` to `to`, which is left out. Throws `ledger/damaged`. */
  async *walk(from = 0, to = this.size): AsyncGenerator<Fact> {
    for (let next = from; next < Math.min(to, this.size); ) {
      for (const fact of await this.facts.readBundle(next, this.size)) {
        if (next === to) return;
        yield fact;
        next += 1;
      }
    }
  }
}
