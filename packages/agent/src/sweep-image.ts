import { chosenDetectors, type GuestSweep, type SweepRequest } from "./guest-sweep.ts";
import { openImage } from "./open-image.ts";

/**
 * What detectors say of the guest whose memory is in the file at `path`, read in this process; `disk` are the
 * files of a disk of the guest, the image and what it is a layer above.
 *
 * A process that is root stops being it for good once the files are open. Throws `usage`, `dump/*`, `disk/*`,
 * `kernel/*`, `rules/malformed`.
 */
export async function sweepImage(
  path: string,
  request: Omit<SweepRequest, "withDisks">,
  disk: readonly string[] = [],
): Promise<GuestSweep> {
  const detectors = chosenDetectors(request.detectors);
  const takenAt = new Date();
  const { rules, allMemory = false } = request;
  // Before the files are open, for afterwards what runs rules may not be read.
  const { ruleMatcher } = (await (rules && import("./inspector/rule-matcher.ts"))) ?? {};
  using signatures = rules && ruleMatcher?.(rules, { allMemory });
  await using image = await openImage(path, disk);
  const whole = { ...request, withDisks: disk.length > 0 };
  const given = { files: image.files, signatures };
  return { subject: path, takenAt, ...(await image.guest.sweep(detectors, whole, given)) };
}
