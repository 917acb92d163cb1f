import { CasemateError } from "@casemate/core";
import { sha256 } from "../merkle/hashes.ts";
import { verifyConsistency } from "../merkle/verify-proof.ts";
import { type Checkpoint, parseCheckpoint } from "../notes/checkpoint.ts";
import { cosignNote, formatSignatureLine, parseNote, verifyNote } from "../notes/signed-note.ts";
import { generateSigningKey, type SigningKey } from "../notes/signing-key.ts";
import { parseVerifierKey, SignatureType, type VerifierKey } from "../notes/verifier-key.ts";
import { lockDirectory } from "../storage/directory-lock.ts";
import { DurableFiles } from "../storage/durable-files.ts";
import { readKeyFile, writeKeyFile } from "../storage/key-file.ts";
import { Turns } from "../storage/turns.ts";
import { type AddCheckpointRequest, parseAddCheckpoint } from "./add-checkpoint.ts";

/** What a witness answers, as HTTP says it. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly contentType: string;
  readonly body: string;
}

const KEY = "witness-key";
const TRUSTED = "trusted-keys";

/**
 * Remembers the largest tree of each log that it has seen, and signs a larger one only if that is a continuation
 * (C2SP tlog-witness). It knows nothing of what the facts are.
 */
export class Witness implements AsyncDisposable {
  readonly #files: DurableFiles;
  readonly #lock: Disposable;
  readonly #key: SigningKey;
  #trusted: readonly VerifierKey[];
  /** Checking and remembering are one step: a request waits for the one before. */
  readonly #turns = new Turns();

  private constructor(
    files: DurableFiles,
    lock: Disposable,
    key: SigningKey,
    trusted: readonly VerifierKey[],
  ) {
    this.#files = files;
    this.#lock = lock;
    this.#key = key;
    this.#trusted = trusted;
  }

  /**
   * The witness that remembers in `directory`; a new one, under `name`, if nothing is there.
   *
   * Throws `data/in-use`, `data/not-writable`, `disk/full`, `ledger/key-unusable`.
   */
  static async open(directory: string, name: string): Promise<Witness> {
    const files = new DurableFiles(directory);
    await files.makeDirectory();
    const lock = await lockDirectory(directory);
    try {
      await files.prepare();
      const found = await readKeyFile(files, KEY, SignatureType.cosignature);
      const key = found ?? generateSigningKey(name, SignatureType.cosignature);
      if (found === undefined) await writeKeyFile(files, KEY, key);
      await files.sync();
      const trusted = (await files.read(TRUSTED))?.toString("utf8").split("\n").slice(0, -1) ?? [];
      return new Witness(files, lock, key, trusted.map(parseVerifierKey));
    } catch (thrown) {
      lock[Symbol.dispose]();
      throw thrown;
    }
  }

  /** The key by which others know this witness. */
  get key(): VerifierKey {
    return this.#key.verifier;
  }

  /** The keys of the logs that it signs for. */
  get trusted(): readonly VerifierKey[] {
    return this.#trusted;
  }

  /** Signs for this log from now on; its name is the log's origin. */
  async trust(key: VerifierKey): Promise<void> {
    if (key.type !== SignatureType.ed25519) {
      throw new CasemateError(
        "usage",
        `Cannot trust ${key.text}: it is a witness's key, expected a ledger's.`,
      );
    }
    if (this.#trusted.some(({ text }) => text === key.text)) return;
    const trusted = [...this.#trusted, key];
    await this.#files.write(TRUSTED, trusted.map(({ text }) => `${text}\n`).join(""));
    await this.#files.sync();
    this.#trusted = trusted;
  }

  /**
   * Answers an add-checkpoint request. HOSTILE: anybody may send one.
   *
   * Throws `disk/full`, `data/not-writable`: then nothing is signed.
   */
  async addCheckpoint(body: string): Promise<WitnessAnswer> {
    return await this.#turns.take(() => this.#addCheckpoint(body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.take(async () => {});
    this.#lock[Symbol.dispose]();
  }

  async #addCheckpoint(body: string): Promise<WitnessAnswer> {
    let request: AddCheckpointRequest;
    let checkpoint: Checkpoint;
    try {
      request = parseAddCheckpoint(body);
      checkpoint = parseCheckpoint(parseNote(request.note).text);
    } catch (thrown) {
      return refuse(400, thrown);
    }
    const { oldSize, consistency, note } = request;
    const { text } = parseNote(note);
    const keys = this.#trusted.filter(({ name }) => name === checkpoint.origin);
    if (keys.length === 0) return answer(404, "This witness does not know the log.\n");
    if (!isSigned(note, keys)) return answer(403, "No trusted key of the log has signed it.\n");
    if (oldSize > checkpoint.size) return answer(400, "The old size is larger than the new one.\n");

    const path = `checkpoints/${sha256(Buffer.from(checkpoint.origin)).toString("hex")}`;
    const last = await this.#readLast(path);
    if ((last?.size ?? 0) !== oldSize) {
      return { status: 409, contentType: "text/x.tlog.size", body: `${last?.size ?? 0}\n` };
    }
    if (last !== undefined) {
      if (last.size === checkpoint.size && Buffer.compare(last.root, checkpoint.root) !== 0) {
        return { status: 409, contentType: "text/x.tlog.size", body: `${last.size}\n` };
      }
      try {
        verifyConsistency(last, checkpoint, consistency);
      } catch (thrown) {
        return refuse(422, thrown);
      }
    } else if (consistency.length > 0) {
      return answer(422, "A proof from size 0 has no hashes.\n");
    }
    await this.#files.write(path, note);
    await this.#files.sync();
    const signature = cosignNote(text, this.#key, Math.floor(Date.now() / 1000));
    return answer(200, formatSignatureLine(signature));
  }

  /** The checkpoint signed last. Its file is our own: what cannot be read is damage, never a new beginning. */
  async #readLast(path: string): Promise<Checkpoint | undefined> {
    const note = await this.#files.read(path);
    return note === undefined ? undefined : parseCheckpoint(parseNote(note.toString("utf8")).text);
  }
}

function isSigned(note: string, keys: readonly VerifierKey[]): boolean {
  try {
    return verifyNote(parseNote(note), keys).length > 0;
  } catch {
    return false; // a wrong signature of a known key: the answer is the same
  }
}

function answer(status: WitnessAnswer["status"], body: string): WitnessAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

function refuse(status: 400 | 422, thrown: unknown): WitnessAnswer {
  if (!(thrown instanceof CasemateError)) throw thrown;
  return answer(status, `${thrown.message}\n`);
}
