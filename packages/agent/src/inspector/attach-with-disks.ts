import { CasemateError, type PhysicalMemory, toCasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import { attach, findRelease, type Kernel, type ProfileCache } from "@casemate/inspect";
import { lacksTypes } from "./lacks-types.ts";
import { walkKernelImages } from "./walk-kernel-images.ts";

/**
 * Finds the kernel in `memory`; where its types are not in RAM (any more), with those of the kernel image of
 * the very same build on the guest's own disks. Throws `kernel/*`, `inspect/budget`.
 */
export function attachWithDisks(
  memory: PhysicalMemory,
  disks: readonly BlockReader[],
  { profiles }: { readonly profiles: ProfileCache },
): Kernel {
  try {
    return attach(memory, { profiles });
  } catch (thrown) {
    if (disks.length === 0 || !lacksTypes(thrown)) throw thrown;
    return attachByDisks(memory, disks, profiles, toCasemateError(thrown));
  }
}

function attachByDisks(
  memory: PhysicalMemory,
  disks: readonly BlockReader[],
  profiles: ProfileCache,
  failure: CasemateError,
): Kernel {
  const release = findRelease(memory);
  if (release === undefined) throw failure;
  const problems: CasemateError[] = [];
  for (const { image, problem } of walkKernelImages(disks, release)) {
    try {
      if (problem !== undefined) throw problem;
      return attach(memory, { profiles, types: image });
    } catch (thrown) {
      problems.push(toCasemateError(thrown));
    }
  }
  const why =
    problems.map(({ message }) => ` ${message}`).join("") || ` No kernel ${release} is there.`;
  throw new CasemateError(failure.code, `${failure.message} Nor by its disks:${why}`, {
    cause: failure,
  });
}
