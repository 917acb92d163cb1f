import { CasemateError } from "@casemate/core";
import type { TreeHead } from "../merkle/verify-proof.ts";
import { formatBase64, parseBase64 } from "./base64.ts";

/** A tree head under the name of its log (C2SP tlog-checkpoint, "Note text"). */
export interface Checkpoint extends TreeHead {
  /** Which log: a URL without its scheme. */
  readonly origin: string;
}

/** The text of a checkpoint, which is then signed as a note. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${formatBase64(root)}\n`;
}

/**
 * The checkpoint that a note's text says. Extension lines are passed over.
 *
 * HOSTILE: verify the note's signatures before believing it. Throws `ledger/malformed`.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = "", size = "", root = "", ...extensions] = text.split("\n");
  const hash = parseBase64(root);
  const end = extensions.pop();
  if (
    origin === "" ||
    !isTreeSize(size) ||
    hash?.length !== 32 ||
    end !== "" ||
    extensions.includes("")
  ) {
    throw new CasemateError(
      "ledger/malformed",
      `Cannot read a checkpoint: its text is ${JSON.stringify(text.slice(0, 200))}, expected origin, tree size and root hash.`,
    );
  }
  return { origin, size: Number(size), root: hash };
}

/** Whether `text` is a tree size as C2SP writes it: decimal, no leading zeros, exact in a double. */
export function isTreeSize(text: string): boolean {
  return /^(?:0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text));
}
