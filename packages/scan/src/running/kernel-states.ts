import { MiB } from "@casemate/core";
import { parseKernelImage } from "@casemate/formats/kernel-image";
import { attempt } from "../attempt.ts";
import { type InstalledKernel, kernels } from "../boot/kernels.ts";
import type { Collector } from "../collector.ts";
import type { Look } from "../look.ts";
import { debVersions } from "../versions/deb-versions.ts";
import type { RunningKernel, RunningMemory } from "./running-memory.ts";

/** The kernel that runs, held against those on the disks. HOSTILE: the guest says it. */
export interface KernelState {
  readonly release: string;
  /** Hexadecimal; null where the kernel carries none. */
  readonly buildId: string | null;
  /** The image on the disks that is the kernel that runs; null where none is known to be. */
  readonly image: string | null;
  /** What says that it is: the build in its header, the build-id in the kernel itself. */
  readonly imageBy: "build" | "build-id" | null;
  /** What boots next; null where no boot loader's configuration says. */
  readonly next: { readonly path: string; readonly release: string } | null;
  readonly reboot: "needed" | "not-needed" | "unknown";
  /** Why, as a sentence. */
  readonly reason: string;
}

/** Debian's largest are 15 MiB. */
const MAX_IMAGE_BYTES = 128 * MiB;

/** Where kernels, what boots them, and their releases are: what is missed there may be the next one. */
const PLACES = /^\/(?:$|usr$|(?:boot|efi|(?:usr\/)?lib\/modules)(?:\/|$))/;

/** Whether the kernel that runs is the one that would be booted now. */
export function kernelStates({ kernel }: Pick<RunningMemory, "kernel">): Collector<KernelState> {
  return {
    id: "kernelStates/images",
    *collect(look) {
      const [running] = kernel.rows;
      if (running === undefined) return;
      const installed = [...kernels.collect(look)];
      const own = findOwnImage(look, running, installed);
      const next = installed.find(({ isDefault }) => isDefault);
      yield {
        release: running.release,
        buildId: running.buildId,
        image: own?.image.path ?? null,
        imageBy: own?.by ?? null,
        next: next === undefined ? null : { path: next.path, release: next.release },
        ...judge(look, running, installed, own?.image, next),
      };
    },
  };
}

interface OwnImage {
  readonly image: InstalledKernel;
  readonly by: NonNullable<KernelState["imageBy"]>;
}

/** The image of the kernel that runs: an image of its release is not yet of its build. */
function findOwnImage(
  look: Look,
  running: RunningKernel,
  installed: readonly InstalledKernel[],
): OwnImage | undefined {
  for (const image of installed) {
    if (image.release !== running.release) continue;
    if (image.build !== undefined) {
      if (running.banner.trimEnd().endsWith(image.build)) return { image, by: "build" };
    } else if (running.buildId !== null && hasBuildId(look, image.path, running.buildId)) {
      return { image, by: "build-id" };
    }
  }
  return undefined;
}

/** Expands the kernel, which takes a second or more: only of an image whose header does not tell its build. */
function hasBuildId(look: Look, path: string, buildId: string): boolean {
  const notes = attempt(look, path, () => {
    return parseKernelImage(look.files.readFile(path, MAX_IMAGE_BYTES)).notes.bytes;
  });
  return notes?.includes(Buffer.from(buildId, "hex")) === true;
}

function judge(
  look: Look,
  { release }: RunningKernel,
  installed: readonly InstalledKernel[],
  own: InstalledKernel | undefined,
  next: InstalledKernel | undefined,
): Pick<KernelState, "reboot" | "reason"> {
  if (installed.length === 0) {
    return {
      reboot: "unknown",
      reason: "No kernel is on the disks: the one that runs comes from elsewhere.",
    };
  }
  if (next !== undefined) {
    if (next.path === own?.path) {
      return {
        reboot: "not-needed",
        reason: `${release} runs, and ${next.path} is what boots next.`,
      };
    }
    if (next.release !== release) {
      return {
        reboot: "needed",
        reason: `${release} runs, and ${next.release} is what boots next.`,
      };
    }
    return next.build === undefined
      ? {
          reboot: "unknown",
          reason: `${next.path} is of release ${release}, and of which build is not known.`,
        }
      : {
          reboot: "needed",
          reason: `Another build of ${release} runs than ${next.path}, which boots next.`,
        };
  }
  const unread = look.missed.find(({ what }) => PLACES.test(what));
  if (unread !== undefined) {
    return { reboot: "unknown", reason: `Cannot look at all kernels: ${unread.what} was missed.` };
  }
  const newer = installed.find((image) => isNewer(image.release, release));
  if (newer !== undefined) {
    return { reboot: "needed", reason: `${release} runs, and ${newer.release} is installed.` };
  }
  return own === undefined
    ? {
        reboot: "unknown",
        reason: `No image of the kernel that runs, ${release}, is on the disks.`,
      }
    : { reboot: "not-needed", reason: `${release} runs, and no newer kernel is installed.` };
}

/** Distributions number their releases so that dpkg's order is theirs: `6.1.0-22-amd64`, `6.9.4-200.fc40.x86_64`. */
function isNewer(a: string, b: string): boolean {
  return (
    [a, b].every((text) => debVersions.isVersion(asVersion(text))) &&
    debVersions.compare(asVersion(a), asVersion(b)) > 0
  );
}

const asVersion = (release: string): string => release.replaceAll("_", "-");
