import { CasemateError, type Milliseconds, milliseconds } from "@casemate/core";
import type { Fact, FactDraft } from "../facts/fact.ts";
import { type PreparedLeaf, prepareLeaf } from "../facts/leaf.ts";
import { generateSigningKey, type SigningKey } from "../notes/signing-key.ts";
import { SignatureType } from "../notes/verifier-key.ts";
import type { TreeEdge } from "../tiles/tree-edge.ts";
import { type CosignedCheckpoint, cosign } from "../witness/cosign.ts";
import type { WitnessAddress } from "../witness/witness-address.ts";
import { COSIGNED, formatWitnesses, parseWitnesses, WITNESSES } from "../witness/witnesses-file.ts";
import { BatchQueue } from "./batch-queue.ts";
import { beginLedger } from "./begin-ledger.ts";
import { lockDirectory } from "./directory-lock.ts";
import { DurableFiles } from "./durable-files.ts";
import type { FactReader } from "./fact-reader.ts";
import { integrate, removePartialTiles } from "./integrate.ts";
import { JournalWriter } from "./journal-writer.ts";
import {
  formatKeyChain,
  formatRotation,
  KEY_ROTATED,
  KEYS,
  type KeyChain,
  keyFor,
  verifyRotation,
} from "./key-chain.ts";
import { NEXT_SIGNING_KEY, readKeyFile, SIGNING_KEY, writeKeyFile } from "./key-file.ts";
import { LedgerReader } from "./ledger-reader.ts";
import { type PendingFact, parseRecord, REDACTED } from "./pending-fact.ts";
import { listJournals, readJournals } from "./read-journals.ts";
import { CHECKPOINT, type SignedCheckpoint, signCheckpoint } from "./signed-checkpoint.ts";
import { Turns } from "./turns.ts";

/** How a ledger is opened. */
export interface LedgerOptions {
  /** Which log this is, for ever: a URL without its scheme (C2SP tlog-checkpoint). */
  readonly origin: string;
  /** How long a fact may wait for a checkpoint; it is durable before. Default: a second. */
  readonly checkpointAfter?: Milliseconds;
  /** Told when checkpoints cannot be made; facts are still recorded meanwhile, up to a bound. */
  readonly onTrouble?: (error: unknown) => void;
  /** The host's clock. */
  readonly now?: () => Date;
}

const LIMITS = {
  /** Facts in one frame of the journal. */
  batch: 4096,
  /** Facts that bring a checkpoint at once. */
  integrateAt: 4096,
  /** Facts that may wait for a checkpoint: beyond, appends wait for one too. */
  pending: 65_536,
};

/** Kinds that only the ledger itself records: the verifier believes them. */
const ownKinds: readonly string[] = [KEY_ROTATED, REDACTED, "ledger/recovered"];

/** The ledger of one Casemate: facts in one order, each on disk before anybody relies on it. */
export class Ledger implements AsyncDisposable {
  readonly #files: DurableFiles;
  readonly #facts: FactReader;
  readonly #lock: Disposable;
  readonly #options: LedgerOptions;
  #keys: KeyChain;
  #signingKey: SigningKey;
  #checkpoint: SignedCheckpoint;
  /** The tree that the checkpoint is of. */
  #edge: TreeEdge;
  /** Facts that are durable, in the journal, and not in that tree. */
  readonly #pending: PendingFact[];
  #journal: JournalWriter | undefined;
  readonly #queue = new BatchQueue(LIMITS.batch, (batch: readonly PreparedLeaf[]) =>
    this.#write(batch),
  );
  /** Writing to the journal, and changing to another. */
  readonly #journalTurns = new Turns();
  /** Making checkpoints. */
  readonly #checkpointTurns = new Turns();
  /** Changing the key, taking bodies out. */
  readonly #changeTurns = new Turns();
  #checkpointing = false;
  /** Whether the last attempt at a checkpoint failed: the next one waits its time. */
  #troubled = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(
    parts: { files: DurableFiles; facts: FactReader; lock: Disposable; options: LedgerOptions },
    state: {
      keys: KeyChain;
      signingKey: SigningKey;
      checkpoint: SignedCheckpoint;
      edge: TreeEdge;
      pending: readonly PendingFact[];
    },
  ) {
    this.#files = parts.files;
    this.#facts = parts.facts;
    this.#lock = parts.lock;
    this.#options = parts.options;
    this.#keys = state.keys;
    this.#signingKey = state.signingKey;
    this.#checkpoint = state.checkpoint;
    this.#edge = state.edge;
    this.#pending = [...state.pending];
  }

  /**
   * Opens the ledger in `directory` for writing, or begins one there; what an earlier process did not bring to
   * its end is brought there.
   *
   * Throws `data/in-use`, `data/not-writable`, `disk/full`, `ledger/damaged`, `ledger/key-unusable`.
   */
  static async open(
    directory: string,
    options: LedgerOptions,
    signal?: AbortSignal,
  ): Promise<Ledger> {
    const files = new DurableFiles(directory);
    await files.makeDirectory();
    const lock = await lockDirectory(directory);
    try {
      signal?.throwIfAborted();
      await files.prepare();
      await beginLedger(files, options.origin);
      const { checkpoint, keys, facts } = await LedgerReader.open(directory);
      if (checkpoint.origin !== options.origin) {
        throw new CasemateError(
          "usage",
          `Cannot open the ledger ${directory}: it is ${checkpoint.origin}, expected ${options.origin}.`,
        );
      }
      const edge = await facts.tree.readEdge(checkpoint.size);
      if (Buffer.compare(edge.root(), checkpoint.root) !== 0) {
        throw new CasemateError(
          "ledger/damaged",
          `Cannot open the ledger ${directory}: its tiles have another root hash than its checkpoint of size ${checkpoint.size}, expected the same.`,
        );
      }
      const { pending, names, tornBytes } = await readJournals(files, checkpoint.size);
      const signingKey = await readKeyFile(files, SIGNING_KEY, SignatureType.ed25519);
      if (signingKey === undefined) throw withoutKey(directory);
      const ledger = new Ledger(
        { files, facts, lock, options },
        { keys, signingKey, checkpoint, edge, pending },
      );
      signal?.throwIfAborted();
      await ledger.#recover(names, tornBytes);
      return ledger;
    } catch (thrown) {
      lock[Symbol.dispose]();
      throw thrown;
    }
  }

  /** How many facts there are: the index of the next. */
  get size(): number {
    return this.#edge.size + this.#pending.length;
  }

  get origin(): string {
    return this.#options.origin;
  }

  /** Every key that ever signed for this ledger. */
  get keys(): KeyChain {
    return this.#keys;
  }

  /**
   * Records a fact; it is on disk when this resolves. Facts appended at the same time share the disk's work.
   *
   * Throws `ledger/invalid-fact`, `disk/full`, `data/not-writable`: then it is not recorded.
   */
  async append(draft: FactDraft): Promise<Fact> {
    if (ownKinds.includes(draft.kind)) {
      throw new CasemateError(
        "ledger/invalid-fact",
        `Cannot record ${draft.kind}: only the ledger itself does, expected another kind.`,
      );
    }
    return await this.#append(draft);
  }

  /** Fact `index`, with the sealed bodies that are left. Throws `ledger/not-found`, `ledger/damaged`. */
  async read(index: number): Promise<Fact> {
    const pending = this.#pending[index - this.#edge.size];
    if (pending !== undefined) return parseRecord(pending, index);
    return await this.#facts.read(index, this.#edge.size);
  }

  /** Facts `from` to `to`, which is left out; by default all that are there now. Throws `ledger/damaged`. */
  async *walk(from = 0, to = this.size): AsyncGenerator<Fact> {
    for (let next = from; next < Math.min(to, this.size); ) {
      const size = this.#edge.size;
      const facts =
        next < size
          ? await this.#facts.readBundle(next, size)
          : this.#pending.slice(next - size).map((each) => parseRecord(each, each.index));
      for (const fact of facts) {
        if (next === to) return;
        yield fact;
        next += 1;
      }
    }
  }

  /**
   * A signed checkpoint over every fact that is recorded now.
   *
   * Throws `disk/full`, `data/not-writable`; the facts are as safe as before.
   */
  async checkpoint(): Promise<SignedCheckpoint> {
    return await this.#checkpointTurns.take(async () => {
      if (this.#pending.length > 0) await this.#integrate();
      return this.#checkpoint;
    });
  }

  /**
   * Has witnesses sign a checkpoint over every fact that is recorded now, and keeps it beside the newest one.
   *
   * Throws `disk/full`, `data/not-writable`; what a witness failed with is in the answer.
   */
  async cosign(
    witnesses: readonly WitnessAddress[],
    signal?: AbortSignal,
  ): Promise<CosignedCheckpoint> {
    return await this.#changeTurns.take(async () => {
      const checkpoint = await this.checkpoint();
      const cosigned = await cosign(checkpoint, this.#facts.tree, witnesses, signal);
      const signers = cosigned.witnesses.map(({ key }) => key);
      if (signers.length > 0) {
        const listed = parseWitnesses((await this.#files.read(WITNESSES))?.toString("utf8") ?? "");
        const known = new Map([...listed, ...signers].map((key) => [key.text, key]));
        await this.#files.write(WITNESSES, formatWitnesses([...known.values()]), 0o644);
        await this.#files.write(COSIGNED, cosigned.note, 0o644);
        await this.#files.sync();
      }
      return cosigned;
    });
  }

  /**
   * Makes a new signing key, which the old one vouches for in a fact; the old one is gone when this resolves.
   *
   * Throws `disk/full`, `data/not-writable`.
   */
  async rotateKey(actor: string): Promise<Fact> {
    return await this.#changeTurns.take(async () => {
      await this.checkpoint(); // an earlier rotation may not have come to its end
      const next = generateSigningKey(this.origin, SignatureType.ed25519);
      await writeKeyFile(this.#files, NEXT_SIGNING_KEY, next);
      await this.#files.sync();
      const body = formatRotation(this.origin, this.#signingKey, next.verifier);
      const fact = await this.#append({ kind: KEY_ROTATED, actor, subject: "ledger", body });
      await this.checkpoint();
      return fact;
    });
  }

  /**
   * Takes sealed bodies of a fact out of the ledger for ever, by name, all of them by default; proofs stay
   * valid, and the redaction is a fact itself. Their bytes are gone from the files when this resolves.
   *
   * Throws `ledger/not-found` where nothing is left to take out, `disk/full`, `data/not-writable`.
   */
  async redact(
    index: number,
    draft: { readonly actor: string; readonly reason: string; readonly names?: readonly string[] },
  ): Promise<Fact> {
    return await this.#changeTurns.take(async () => {
      const { sealed = {} } = await this.read(index);
      const names = draft.names ?? Object.keys(sealed).sort();
      const missing = names.filter((name) => !Object.hasOwn(sealed, name));
      if (names.length === 0 || missing.length > 0) {
        throw new CasemateError(
          "ledger/not-found",
          `Cannot redact fact ${index}: it has no sealed body ${missing.join(", ")}, expected ${Object.keys(sealed).join(", ") || "a fact that has one"}.`,
          { next: "Look at the fact: what was redacted before is gone already." },
        );
      }
      const body = { index, names: [...names], reason: draft.reason };
      const { actor } = draft;
      const fact = await this.#append({ kind: REDACTED, actor, subject: "ledger", body });
      await this.checkpoint();
      return fact;
    });
  }

  /** Brings everything appended under a checkpoint and lets go of the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    try {
      await this.#queue.idle();
      await this.checkpoint();
      // One that was begun in advance holds nothing: every fact is in the tree.
      await this.#journalTurns.take(async () => {
        for (const name of await listJournals(this.#files)) await this.#files.remove(name);
      });
    } finally {
      await this.#journalTurns.take(async () => this.#journal?.[Symbol.asyncDispose]());
      this.#lock[Symbol.dispose]();
    }
  }

  async #append(draft: FactDraft): Promise<Fact> {
    if (this.#closed) {
      throw new CasemateError(
        "cancelled",
        `Cannot record ${draft.kind}: the ledger is closed, expected it open.`,
      );
    }
    const prepared = prepareLeaf(draft, (this.#options.now ?? (() => new Date()))());
    return await this.#queue.push(prepared);
  }

  /** Writes facts as one frame of the journal, durably; they are what comes after all that is there. */
  async #write(batch: readonly PreparedLeaf[]): Promise<readonly Fact[]> {
    if (this.#pending.length >= LIMITS.pending) await this.checkpoint();
    try {
      return await this.#journalTurns.take(() => this.#writeFrame(batch));
    } finally {
      this.#checkpointSoon();
    }
  }

  async #writeFrame(batch: readonly PreparedLeaf[]): Promise<readonly Fact[]> {
    const first = this.size;
    const written = batch.map((prepared, i) => prepared.at(first + i));
    this.#journal ??= await JournalWriter.create(this.#files, first);
    await this.#journal.append(written);
    for (const { fact, leaf, sealed } of written) {
      this.#pending.push({ index: fact.index, kind: fact.kind, leaf, sealed });
    }
    return written.map(({ fact }) => fact);
  }

  #checkpointSoon(): void {
    if (this.#pending.length === 0 || this.#closed || this.#checkpointing) return;
    if (this.#pending.length >= LIMITS.integrateAt && !this.#troubled) {
      this.#checkpointNow();
      return;
    }
    this.#timer ??= setTimeout(
      () => this.#checkpointNow(),
      this.#options.checkpointAfter ?? milliseconds(1000),
    );
    this.#timer.unref();
  }

  #checkpointNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#checkpointing = true;
    void this.checkpoint()
      .then(
        async () => {
          this.#troubled = false;
          await this.#beginJournal();
        },
        (thrown) => {
          this.#troubled = true;
          this.#options.onTrouble?.(thrown);
        },
      )
      .finally(() => {
        this.#checkpointing = false;
        this.#checkpointSoon();
      });
  }

  /** Has a journal ready before the next fact needs one: to make its file takes longer than to write the fact. */
  async #beginJournal(): Promise<void> {
    await this.#journalTurns.take(async () => {
      if (this.#closed) return;
      // The next append tries again, and says what is wrong.
      this.#journal ??= await JournalWriter.create(this.#files, this.size).catch(() => undefined);
    });
  }

  /** Brings what the journals hold into the tree, whatever an earlier process had done of it. */
  async #recover(journals: readonly string[], tornBytes: number): Promise<void> {
    if (tornBytes > 0) {
      // Nobody was told that it is recorded; that something was cut off is to be seen nevertheless.
      await this.#append({
        kind: "ledger/recovered",
        actor: "system",
        subject: "ledger",
        body: { tornBytes },
      });
    }
    if (this.#pending.length > 0) await this.checkpoint();
    else for (const name of journals) await this.#files.remove(name);
  }

  /**
   * Makes every pending fact part of the tree, and signs the tree. Each step may be the last: the journals go
   * only after the checkpoint, and everything before it can be done again.
   */
  async #integrate(): Promise<void> {
    const [pending, journals] = await this.#journalTurns.take(async () => {
      await this.#journal?.settle();
      await this.#journal?.[Symbol.asyncDispose]();
      this.#journal = undefined;
      return [[...this.#pending], await listJournals(this.#files)] as const;
    });
    const { edge, full } = await integrate(this.#files, this.#facts, this.#edge, pending);
    const previous = this.#signingKey;
    for (const each of pending) {
      if (each.kind === KEY_ROTATED) await this.#followRotation(parseRecord(each, each.index));
    }
    await this.#files.sync();
    const checkpoint = signCheckpoint(
      { origin: this.origin, size: edge.size, root: edge.root() },
      // The key that has just given way signs once more, for those who do not know its successor yet.
      [...new Set([this.#signingKey, previous])],
    );
    await this.#files.write(CHECKPOINT, checkpoint.note, 0o644);
    await this.#files.sync();
    this.#checkpoint = checkpoint;
    this.#edge = edge;
    this.#pending.splice(0, pending.length);
    for (const name of journals) await this.#files.remove(name);
    await removePartialTiles(this.#files, full);
  }

  /** Makes the key that a fact brings the one that signs; again, if an earlier process has done a part of it. */
  async #followRotation(fact: Fact): Promise<void> {
    const before = keyFor(this.#keys, fact.index);
    if (before === undefined) throw withoutKey(this.#files.directory);
    const link = verifyRotation(this.origin, before, fact);
    const isNext = (key: SigningKey | undefined) => key?.verifier.text === link.key.text;
    const next = isNext(this.#signingKey)
      ? this.#signingKey
      : await readKeyFile(this.#files, NEXT_SIGNING_KEY, SignatureType.ed25519);
    if (next === undefined || !isNext(next)) throw withoutKey(this.#files.directory);
    this.#keys = [...this.#keys.filter(({ from }) => from < link.from), link];
    await this.#files.write(KEYS, formatKeyChain(this.#keys), 0o644);
    await writeKeyFile(this.#files, SIGNING_KEY, next);
    await this.#files.sync();
    await this.#files.remove(NEXT_SIGNING_KEY);
    this.#signingKey = next;
  }
}

function withoutKey(directory: string): CasemateError {
  return new CasemateError(
    "ledger/key-unusable",
    `Cannot write to the ledger ${directory}: its ${SIGNING_KEY} is missing, expected the key that its ${KEYS} name last.`,
  );
}
