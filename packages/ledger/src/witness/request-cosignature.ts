import { CasemateError } from "@casemate/core";
import { isTreeSize } from "../notes/checkpoint.ts";
import {
  isBy,
  type NoteSignature,
  parseNote,
  parseSignatureLine,
  verifyNote,
} from "../notes/signed-note.ts";
import type { SignedCheckpoint } from "../storage/signed-checkpoint.ts";
import { formatAddCheckpoint } from "./add-checkpoint.ts";
import type { WitnessAddress } from "./witness-address.ts";

/** How long a witness may take, and how much it may say. */
const LIMITS = { milliseconds: 10_000, bytes: 64 * 1024 };

/**
 * Asks a witness to sign a checkpoint. `prove` makes the proof from the size that the witness has seen last.
 *
 * HOSTILE: the answer comes from the network. Throws `ledger/witness-failed`; `ledger/inconsistent` where the
 * witness remembers another history than the checkpoint's.
 */
export async function requestCosignature(
  { url, key }: WitnessAddress,
  checkpoint: SignedCheckpoint,
  prove: (oldSize: number) => Promise<readonly Uint8Array[]>,
  signal?: AbortSignal,
): Promise<NoteSignature> {
  // The first attempt tells what the witness has seen last; it changes only by what others send meanwhile.
  let oldSize = 0;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const consistency = await prove(oldSize);
    const body = formatAddCheckpoint({ oldSize, consistency, note: checkpoint.note });
    const { status, text } = await post(url, body, signal);
    if (status === 200) return parseCosignature(text, checkpoint, { url, key });
    if (status === 422) {
      throw inconsistent(checkpoint, url, `${oldSize} facts that are no beginning of it`);
    }
    if (status !== 409) throw refused(url, status, text);
    if (!isTreeSize(text.trimEnd())) throw refused(url, status, text);
    const size = Number(text);
    if (size > checkpoint.size || size === oldSize) {
      const seen = size === oldSize ? "another tree of that size" : `${size} facts`;
      throw inconsistent(checkpoint, url, seen);
    }
    oldSize = size;
  }
  throw refused(url, 409, "it changed with every attempt");
}

async function post(
  prefix: string,
  body: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  const limit = AbortSignal.timeout(LIMITS.milliseconds);
  try {
    const response = await fetch(`${prefix.replace(/\/$/, "")}/add-checkpoint`, {
      method: "POST",
      body,
      redirect: "error",
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    return { status: response.status, text: await readText(response) };
  } catch (thrown) {
    signal?.throwIfAborted();
    const { cause = thrown } = thrown as Error; // fetch throws errors, the system's word as their cause
    throw new CasemateError(
      "ledger/witness-failed",
      `Cannot reach the witness at ${prefix}: ${cause instanceof Error ? cause.message : "it does not answer"}, expected a cosignature.`,
      { cause: thrown },
    );
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > LIMITS.bytes) throw new Error(`it says more than ${LIMITS.bytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseCosignature(
  text: string,
  checkpoint: SignedCheckpoint,
  { url, key }: WitnessAddress,
): NoteSignature {
  const signatures = text.trimEnd().split("\n").map(parseSignatureLine);
  const own = signatures.find((signature) => isBy(signature, key));
  if (own === undefined) throw refused(url, 200, `no signature of ${key.text} is in its answer`);
  verifyNote({ text: parseNote(checkpoint.note).text, signatures: [own] }, [key]);
  return own;
}

function inconsistent({ size }: SignedCheckpoint, url: string, seen: string): CasemateError {
  return new CasemateError(
    "ledger/inconsistent",
    `Cannot have the checkpoint of size ${size} signed: the witness at ${url} remembers ${seen}, expected the beginning of this ledger.`,
  );
}

function refused(url: string, status: number, text: string): CasemateError {
  const words = JSON.stringify(text.slice(0, 200).trimEnd());
  return new CasemateError(
    "ledger/witness-failed",
    `Cannot have a checkpoint signed: the witness at ${url} answers ${status} ${words}, expected a cosignature.`,
  );
}
