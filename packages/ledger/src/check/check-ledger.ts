import { join } from "node:path";
import { CasemateError, toCasemateError } from "@casemate/core";
import { SignatureType, type VerifierKey } from "../notes/verifier-key.ts";
import { LOCK, readLockHolder } from "../storage/directory-lock.ts";
import { DurableFiles, TEMPORARY } from "../storage/durable-files.ts";
import { type Journal, type JournalRecord, journalName, parseJournal } from "../storage/journal.ts";
import { KEYS, type KeyChain, parseKeyChain } from "../storage/key-chain.ts";
import { NEXT_SIGNING_KEY, readKeyFile, SIGNING_KEY } from "../storage/key-file.ts";
import { CHECKPOINT } from "../storage/signed-checkpoint.ts";
import { COSIGNED, WITNESSES } from "../witness/witnesses-file.ts";
import { checkFacts, checkKeyChain, checkSealedBodies } from "./check-facts.ts";
import { checkCosigned, checkNote } from "./check-notes.ts";
import { checkTree } from "./check-tree.ts";
import type { Damage, Report } from "./damage.ts";
import { listFiles } from "./list-files.ts";

/** What a check of a whole ledger found. */
export interface LedgerCheck {
  readonly origin: string | undefined;
  /** Facts under the checkpoint. */
  readonly size: number;
  /** Facts that are recorded and wait for a checkpoint. */
  readonly pending: number;
  /** The key that everything rests on: who trusts the ledger must know it from elsewhere. */
  readonly firstKey: string | undefined;
  readonly damages: readonly Damage[];
}

const known: ReadonlySet<string> = new Set([
  CHECKPOINT,
  COSIGNED,
  KEYS,
  LOCK,
  NEXT_SIGNING_KEY,
  SIGNING_KEY,
  WITNESSES,
]);

/**
 * Checks every byte of the ledger in `directory`. Takes no lock; while somebody writes, what is found counts
 * only if it is found again.
 *
 * Throws `ledger/not-found` where no ledger is; whatever else is wrong is a damage.
 */
export async function checkLedger(
  directory: string,
  options: { readonly firstKey?: VerifierKey } = {},
): Promise<LedgerCheck> {
  const first = await checkOnce(directory, options.firstKey);
  const isWrittenTo = (await readLockHolder(join(directory, LOCK))) !== undefined;
  if (first.damages.length === 0 || !isWrittenTo) return first;
  const second = await checkOnce(directory, options.firstKey);
  const found = new Set(first.damages.map((each) => JSON.stringify(each)));
  const damages = second.damages.filter((each) => found.has(JSON.stringify(each)));
  return { ...second, damages };
}

async function checkOnce(
  directory: string,
  firstKey: VerifierKey | undefined,
): Promise<LedgerCheck> {
  const files = new DurableFiles(directory);
  const names = await listFiles(directory).catch(() => new Set<string>());
  if (!names.has(KEYS) && !names.has(CHECKPOINT)) {
    throw new CasemateError(
      "ledger/not-found",
      `Cannot check the ledger ${directory}: it has neither ${KEYS} nor ${CHECKPOINT}, expected a ledger.`,
      { next: "Name a ledger's directory with --ledger, or Casemate's with --data." },
    );
  }
  const damages: Damage[] = [];
  const report: Report = (file, problem, place) => {
    damages.push({ file, problem, ...(place === undefined ? {} : { place }) });
  };
  const readFile = (path: string) => files.read(path);

  // The journals before the checkpoint: what leaves them meanwhile is under it.
  const journals = await readJournalFiles(files, names, report);
  const note = await files.read(CHECKPOINT);
  const chain = await readChain(files, firstKey, report);
  if (note === undefined) report(CHECKPOINT, "The file is missing.");
  const checkpoint = note && checkNote(CHECKPOINT, note.toString("utf8"), chain, [], report);
  checkNames(names, report);
  await checkSmallFiles(files, chain, report);
  const size = checkpoint?.size ?? 0;
  const pending = checkpoint === undefined ? [] : follow(journals, size, report);
  const check = { size, pending: pending.length, firstKey: chain[0]?.key.text, damages };
  if (checkpoint === undefined) return { ...check, origin: undefined };

  const leaves = pending.map(({ leaf }) => leaf);
  const { entries, hashes } = await checkTree(readFile, names, checkpoint, leaves, report);
  const facts = checkFacts([...entries, ...leaves], size, report);
  const bodies = pending.map(({ sealed }) => sealed).join("");
  await checkSealedBodies(readFile, names, bodies, size, facts, report);
  checkKeyChain(checkpoint.origin, chain, facts.rotations, size, report);
  checkCosigned(await files.read(COSIGNED), await files.read(WITNESSES), chain, hashes, report);
  return { ...check, origin: checkpoint.origin };
}

async function readJournalFiles(
  files: DurableFiles,
  names: ReadonlySet<string>,
  report: Report,
): Promise<readonly Journal[]> {
  const journals: Journal[] = [];
  for (const name of names) {
    const bytes = name.startsWith("journal/") ? await files.read(name) : undefined;
    if (bytes === undefined) continue;
    try {
      const journal = parseJournal(bytes, name);
      if (journal.length < bytes.length) {
        report(name, "It ends in what was not written to its end.", `byte ${journal.length}`);
      }
      if (journal.length > 0 && journalName(journal.firstIndex) !== name) {
        report(
          name,
          `It begins with fact ${journal.firstIndex}, which is not its name.`,
          "byte 27",
        );
      }
      journals.push(journal);
    } catch (thrown) {
      report(name, toCasemateError(thrown).message);
    }
  }
  return journals;
}

/** The facts that the journals hold beyond the checkpoint. */
function follow(
  journals: readonly Journal[],
  size: number,
  report: Report,
): readonly JournalRecord[] {
  const pending: JournalRecord[] = [];
  for (const { firstIndex, records } of journals) {
    const next = size + pending.length;
    if (firstIndex > next) {
      report(journalName(firstIndex), `Facts ${next} to ${firstIndex - 1} before it are missing.`);
    }
    pending.push(...records.slice(Math.max(0, next - firstIndex)));
  }
  return pending;
}

async function readChain(
  files: DurableFiles,
  firstKey: VerifierKey | undefined,
  report: Report,
): Promise<KeyChain> {
  try {
    const chain = parseKeyChain((await files.read(KEYS))?.toString("utf8") ?? "");
    if (firstKey !== undefined && chain[0]?.key.text !== firstKey.text) {
      report(KEYS, "The first key is not the one that you trust.", "line 1");
    }
    return chain;
  } catch (thrown) {
    report(KEYS, toCasemateError(thrown).message);
    return [];
  }
}

function checkNames(names: ReadonlySet<string>, report: Report): void {
  for (const name of names) {
    // What lies in the directory for temporary files is not part of the ledger yet.
    const isOwn =
      known.has(name) ||
      /^(?:tile|sealed)\//.test(name) ||
      /^journal\/\d{16}$/.test(name) ||
      name.startsWith(`${TEMPORARY}/`);
    if (!isOwn) report(name, "No such file belongs to a ledger.");
  }
}

async function checkSmallFiles(
  files: DurableFiles,
  chain: KeyChain,
  report: Report,
): Promise<void> {
  const lock = await files.read(LOCK);
  if (lock !== undefined && lock.length > 0) report(LOCK, "It is not empty.", "byte 0");
  for (const name of [SIGNING_KEY, NEXT_SIGNING_KEY]) {
    try {
      const key = await readKeyFile(files, name, SignatureType.ed25519);
      const last = chain.at(-1)?.key.text;
      if (name === SIGNING_KEY && key !== undefined && key.verifier.text !== last) {
        report(name, `It is not the key that the ledger's ${KEYS} name last.`);
      }
    } catch (thrown) {
      report(name, toCasemateError(thrown).message);
    }
  }
}
