import { milliseconds } from "@casemate/core";
import { DATA_CLASSES } from "@casemate/inspect";
import { asDocument } from "../../api/contract/document.ts";
import type { BundleWriter } from "./bundle-writer.ts";
import type { EvidenceScope } from "./collect-evidence.ts";
import { formatDocument } from "./format-document.ts";
import type { EvidenceManifest } from "./manifest.ts";

/** How a VM's whole RAM is to be taken. */
export type WholeMemory = {
  /** How long the guest may stand still for the last of it, in milliseconds; null: not at all. */
  readonly pauseLimit: number | null;
};

/** Where copying ends and reading back for the digest begins. */
const COPIED = 0.8;

/**
 * Puts a VM's whole RAM into a bundle, and what is to be known of it.
 *
 * Throws what `extractMemory` of the host and adding to the bundle throw: it was asked for, so it is not missed
 * in silence.
 */
export async function putMemory(
  { host, vm }: Pick<EvidenceScope, "host" | "vm">,
  { pauseLimit }: WholeMemory,
  bundle: BundleWriter,
  progress: (fraction: number, doing: string) => void,
  signal: AbortSignal,
): Promise<Pick<EvidenceManifest, "consistency" | "pauseMicroseconds">> {
  const file = "memory/ram.lime";
  const pause = pauseLimit === null ? undefined : { limit: milliseconds(pauseLimit) };
  const { takenAt, paused, ...extract } = await bundle.addWritten(
    file,
    (fd, at) => {
      const onExtracted = (fraction: number) => progress(COPIED * fraction, "copying its RAM");
      return host.extractMemory(vm.uuid, { fd, at, pause }, onExtracted, signal);
    },
    (fraction) => progress(COPIED + (1 - COPIED) * fraction, "reading back its RAM"),
    signal,
  );
  const index = {
    ...{ takenAt: takenAt.toISOString(), classes: DATA_CLASSES, file, format: "LiME", ...extract },
    ...(paused === undefined ? {} : { paused }),
  };
  await bundle.add("memory/ram.json", formatDocument(asDocument("GuestMemory", index)));
  return { consistency: extract.consistency, pauseMicroseconds: paused?.microseconds ?? 0 };
}
