import { hash } from "node:crypto";
import { unpackKernel } from "@casemate/formats/unpack-kernel";

/** How long a kernel is kept for the next guest that has the same, in milliseconds: it takes 60 MiB. */
const KEPT_MS = 60_000;

let last: { readonly digest: string; readonly kernel: Buffer } | undefined;
let forgetting: NodeJS.Timeout | undefined;

/**
 * As `unpackKernel`, and at once where another guest had the very same file a moment ago: unpacking takes as long
 * as fifty sweeps, and many guests run one kernel. Whoever gets it must not change it. Throws `disk/unsupported`.
 *
 * HOSTILE: the file is known by its content alone, so that no guest says what another is compared with.
 */
export function unpackKernelOnce(file: Buffer): Buffer {
  const digest = hash("sha256", file);
  if (last?.digest !== digest) last = { digest, kernel: unpackKernel(file) };
  clearTimeout(forgetting);
  forgetting = setTimeout(() => (last = undefined), KEPT_MS).unref();
  return last.kernel;
}
