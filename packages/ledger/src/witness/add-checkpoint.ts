import { CasemateError } from "@casemate/core";
import { formatBase64, parseBase64 } from "../notes/base64.ts";
import { isTreeSize } from "../notes/checkpoint.ts";

/** What a log asks of a witness (C2SP tlog-witness, "add-checkpoint"). */
export interface AddCheckpointRequest {
  /** The size that the witness has seen last. */
  readonly oldSize: number;
  /** That the tree of that size is the beginning of the checkpoint's. */
  readonly consistency: readonly Uint8Array[];
  /** The checkpoint: a signed note. */
  readonly note: string;
}

/** "The client MUST NOT send more than 63 consistency proof lines." */
const MAX_PROOF_LINES = 63;

export function formatAddCheckpoint({ oldSize, consistency, note }: AddCheckpointRequest): string {
  const proof = consistency.map((hash) => `${formatBase64(hash)}\n`).join("");
  return `old ${oldSize}\n${proof}\n${note}`;
}

/**
 * The request that a body says.
 *
 * HOSTILE: anybody may send one. Throws `ledger/malformed`.
 */
export function parseAddCheckpoint(body: string): AddCheckpointRequest {
  const split = body.indexOf("\n\n");
  const [old = "", ...proof] = body.slice(0, Math.max(split, 0)).split("\n");
  const [word, size = "", ...others] = old.split(" ");
  if (word !== "old" || !isTreeSize(size) || others.length > 0) {
    throw malformed("its first line is not `old` and a tree size");
  }
  if (proof.length > MAX_PROOF_LINES) throw malformed(`it has ${proof.length} hashes`);
  const consistency = proof.map((line) => {
    const hash = parseBase64(line);
    if (hash?.length !== 32) throw malformed("a line of its proof is not a hash in base64");
    return hash;
  });
  return { oldSize: Number(size), consistency, note: body.slice(split + 2) };
}

function malformed(seen: string): CasemateError {
  return new CasemateError(
    "ledger/malformed",
    `Cannot read an add-checkpoint request: ${seen}, expected the form of C2SP tlog-witness.`,
  );
}
