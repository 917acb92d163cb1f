import { open, rm } from "node:fs/promises";
import type { EvidenceDocument } from "@casemate/control";
import { CasemateError, isDiskFull } from "@casemate/core";
import type { ControlClient } from "./control-client.ts";

/**
 * Fetches a bundle of evidence into the new file at `path`, or leaves none; what is told of it.
 *
 * Throws `usage` where the file cannot be made, `disk/full`, `cancelled`, and what the API answers.
 */
export async function fetchBundle(
  client: Pick<ControlClient, "get" | "download">,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<EvidenceDocument> {
  const at = `/api/v1/evidence/${encodeURIComponent(id)}`;
  const saved = (await client.get(at, signal)) as unknown as EvidenceDocument; // our own control plane answered
  await using file = await open(path, "wx", 0o600).catch((cause: Error) => {
    const words = `Cannot write ${path}: ${cause.message}, expected a new file.`;
    const next = `It is kept all the same: give \`casemate evidence get ${id} -o\` a new file.`;
    throw new CasemateError("usage", words, { cause, next });
  });
  try {
    for await (const bytes of client.download(`${at}/bundle`, signal)) await file.writeFile(bytes);
  } catch (thrown) {
    await rm(path, { force: true });
    throw signal.aborted ? cancelled(path, thrown) : asFullDisk(thrown, path);
  }
  return saved;
}

function cancelled(path: string, cause: unknown): CasemateError {
  const words = `Cannot fetch the bundle: it was cancelled, and ${path} removed.`;
  return new CasemateError("cancelled", words, { cause });
}

function asFullDisk(thrown: unknown, path: string): unknown {
  if (!isDiskFull(thrown)) return thrown;
  const words = `Cannot write ${path}: no space is left on its file system.`;
  return new CasemateError("disk/full", words, { cause: thrown });
}
