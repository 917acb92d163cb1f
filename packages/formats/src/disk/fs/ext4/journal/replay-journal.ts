import { CasemateError } from "@casemate/core";
import type { BlockReader } from "../../../block-reader.ts";
import type { JournalState } from "../../file-system.ts";
import { FastChanges } from "./fast-changes.ts";
import { type JournalSuperblock, readJournalSuperblock } from "./journal-superblock.ts";
import type { LoggedBlock } from "./logged-block.ts";
import { readFastCommits } from "./read-fast-commits.ts";
import { ReplayedReader } from "./replayed-reader.ts";
import { walkTransactions } from "./walk-transactions.ts";

/** A volume as its journal would have it, and what became of the journal. */
export interface Replay {
  readonly reader: BlockReader;
  readonly journal: JournalState;
  /** The blocks that are read from the journal, by their numbers in the volume. */
  readonly logged?: ReadonlyMap<number, LoggedBlock>;
  /** What fast commits, which tell of files and not of blocks, changed after that. */
  readonly changes?: FastChanges | undefined;
}

/**
 * Lays the committed transactions of a journal over the volume that it is of, as a mount would write them;
 * in memory, only where each block is. What cannot be replayed is told in `journal`, not thrown.
 *
 * @param openJournal the journal's contents; what it throws is why nothing is replayed.
 */
export function replayJournal(
  volume: BlockReader,
  { blockSize, blockCount }: { readonly blockSize: number; readonly blockCount: number },
  openJournal: () => BlockReader,
): Replay {
  try {
    const journal = openJournal();
    const shape = readJournalSuperblock(journal, blockSize);
    if (shape.start === 0) return { reader: volume, journal: { state: "clean" } };
    const { logged, sequence, ...log } = collect(journal, shape, blockCount);
    const isWhole = log.problem === undefined;
    const fast = isWhole ? readFastCommits(journal, shape, sequence) : undefined;
    const changes = fast && fast.changes.length > 0 ? new FastChanges(fast.changes) : undefined;
    const transactions = log.transactions + (fast?.commits ?? 0);
    const problem = log.problem ?? fast?.problem;
    const reader = logged.size === 0 ? volume : new ReplayedReader(volume, journal, shape, logged);
    const state: JournalState =
      problem === undefined
        ? { state: "replayed", transactions }
        : { state: "incomplete", transactions, reason: problem };
    return { reader, journal: state, logged, changes };
  } catch (thrown) {
    if (!(thrown instanceof CasemateError)) throw thrown;
    const state = { state: "incomplete", transactions: 0, reason: thrown.message } as const; // its state
    return { reader: volume, journal: state };
  }
}

function collect(journal: BlockReader, shape: JournalSuperblock, blockCount: number) {
  const logged = new Map<number, LoggedBlock & { readonly transaction: number }>();
  const revoked = new Map<number, number>();
  const walk = walkTransactions(journal, shape);
  let transactions = 0;
  let beyond: number | undefined;
  for (let next = walk.next(); ; next = walk.next()) {
    if (next.done === true) {
      // A block may be logged, freed (revoked) and used for a file's data, which are not in the log.
      for (const [block, last] of revoked) {
        if ((logged.get(block)?.transaction ?? Number.POSITIVE_INFINITY) <= last)
          logged.delete(block);
      }
      const outside = beyond === undefined ? undefined : `block ${beyond} of ${blockCount} in it`;
      const { sequence, problem = outside } = next.value;
      return { logged, transactions, sequence, problem };
    }
    for (const each of next.value.logged) {
      if (each.block >= blockCount) beyond ??= each.block;
      else logged.set(each.block, { ...each, transaction: transactions });
    }
    for (const block of next.value.revoked) revoked.set(block, transactions);
    transactions += 1;
  }
}
