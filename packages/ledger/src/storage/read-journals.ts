import { readdir } from "node:fs/promises";
import { CasemateError } from "@casemate/core";
import type { DurableFiles } from "./durable-files.ts";
import { journalName, parseJournal } from "./journal.ts";
import { type PendingFact, parseRecord } from "./pending-fact.ts";
import { isMissing } from "./storage-error.ts";

/** What the journals of a ledger hold. */
export interface JournalContents {
  readonly names: readonly string[];
  /** The facts from the tree's size on. */
  readonly pending: readonly PendingFact[];
  /** Bytes at the end of journals that were not written to their end. */
  readonly tornBytes: number;
}

/** The names of the journals, in the order of their facts. */
export async function listJournals(files: DurableFiles): Promise<readonly string[]> {
  try {
    return (await readdir(files.path("journal"))).sort().map((name) => `journal/${name}`);
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw thrown;
  }
}

/** Reads what follows after a tree of `size`. Throws `ledger/damaged` where a fact is missing or changed. */
export async function readJournals(files: DurableFiles, size: number): Promise<JournalContents> {
  const names = await listJournals(files);
  const pending: PendingFact[] = [];
  let tornBytes = 0;
  for (const name of names) {
    const bytes = (await files.read(name)) ?? Buffer.alloc(0);
    const { firstIndex, records, length } = parseJournal(bytes, name);
    tornBytes += bytes.length - length;
    const next = size + pending.length;
    if (length > 0 && (journalName(firstIndex) !== name || firstIndex > next)) {
      throw new CasemateError(
        "ledger/damaged",
        `Cannot read ${name}: it begins with fact ${firstIndex}, expected the name to say so and fact ${next} at the latest.`,
      );
    }
    for (const [i, record] of records.entries()) {
      const index = firstIndex + i;
      if (index < size + pending.length) continue;
      pending.push({ ...record, index, kind: parseRecord(record, index).kind });
    }
  }
  return { names, pending, tornBytes };
}
