import { CasemateError, type PhysicalMemory, toCasemateError } from "@casemate/core";
import { type BtfLocation, walkBtf } from "../btf/walk-btf.ts";
import { Budget, type BudgetLimits } from "../budget.ts";
import { PhysicalReader } from "../memory/physical-reader.ts";
import { findBanner } from "./find-banner.ts";
import { findRunningImage } from "./find-running-image.ts";
import type { Kernel } from "./kernel.ts";
import type { KernelTypes } from "./kernel-types.ts";
import { openGiven } from "./open-given.ts";
import { isRunning, openKernel } from "./open-kernel.ts";
import { ProfileCache } from "./profile-cache.ts";

export interface AttachOptions {
  /** Kernel builds seen before; share one among guests. */
  readonly profiles?: ProfileCache;
  /** The types of the kernel, for one that has none in RAM; looked at only then. */
  readonly types?: KernelTypes | undefined;
  /** What finding the kernel may cost; 10 s by default. */
  readonly budget?: BudgetLimits;
}

const DEFAULT_BUDGET: BudgetLimits = { milliseconds: 10_000, steps: 100_000_000 };

/** What a candidate costs, so that the clock is looked at after each. */
const CANDIDATE_STEPS = 256;

/**
 * Finds the Linux kernel that runs in `memory`, by nothing but what it carries with it: its types (BTF),
 * its symbols (kallsyms), its page tables and its banner, each of which must agree with the others.
 *
 * RAM may hold more kernels than the one that runs: an old one after kexec, a crash kernel, a forgery.
 * The low memory that starts processors points to the page tables of the one that runs.
 *
 * Where RAM has no BTF (any more: who owns the kernel can erase it), the types of another guest serve that
 * had the very same symbols, or `options.types` if they are of its build.
 *
 * Throws `kernel/not-found`, `kernel/no-btf`, `kernel/no-symbols`, `kernel/unsupported`,
 * `kernel/damaged` or `inspect/budget`, and what the source throws.
 */
export function attach(memory: PhysicalMemory, options: AttachOptions = {}): Kernel {
  const physical = new PhysicalReader(memory);
  const budget = new Budget({ ...DEFAULT_BUDGET, ...options.budget });
  const profiles = options.profiles ?? new ProfileCache();
  // HOSTILE: RAM may hold any number of them; the first is enough.
  let found: Kernel | undefined;
  let failure: CasemateError | undefined;
  for (const location of walkCandidates(physical, budget)) {
    try {
      const profile = profiles.read(physical, location, budget);
      const kernel = openKernel(physical, location, profile);
      profiles.keep(profile);
      if (isRunning(physical, kernel.facts)) return kernel;
      found ??= kernel;
    } catch (thrown) {
      const error = toCasemateError(thrown);
      if (!error.code.startsWith("kernel/")) throw error;
      failure ??= error;
    }
    budget.step(CANDIDATE_STEPS);
  }
  found ??= openKnown(physical, profiles);
  if (found === undefined && options.types !== undefined) {
    const opened = openGiven(physical, options.types, budget);
    if (opened !== undefined) profiles.keep(opened.profile);
    found = opened?.kernel;
  }
  if (found !== undefined) return found;
  if (failure !== undefined) throw failure;
  throw noKernel(physical, budget);
}

/**
 * Places that may be a kernel's BTF, those first that low memory says are in the kernel that runs.
 *
 * HOSTILE: a process can fill RAM with what looks like kernels; looking at each of them would take too long.
 */
function* walkCandidates(physical: PhysicalReader, budget: Budget): Generator<BtfLocation> {
  const image = findRunningImage(physical);
  const first = new Set<number>();
  for (const location of image === undefined ? [] : walkBtf(physical, budget, [image])) {
    first.add(location.start);
    yield location;
  }
  for (const location of walkBtf(physical, budget)) {
    if (!first.has(location.start)) yield location;
  }
}

/** The kernel that runs, with the types of the one build that is known to have its symbols. */
function openKnown(physical: PhysicalReader, profiles: ProfileCache): Kernel | undefined {
  const image = findRunningImage(physical);
  const [known, second] = image === undefined ? [] : profiles.find(physical, image.start);
  if (known === undefined) return undefined;
  if (second === undefined) return openKernel(physical, known.location, known.profile, "cached");
  throw new CasemateError(
    "kernel/no-btf",
    `Cannot read the kernel in ${physical.memory.description}: it has no BTF, and guests with its symbols had different ones, expected one.`,
  );
}

function noKernel(physical: PhysicalReader, budget: Budget): CasemateError {
  const banner = findBanner(physical, budget);
  const { description } = physical.memory;
  return banner === undefined
    ? new CasemateError(
        "kernel/not-found",
        `Cannot find a Linux kernel in ${description}: neither BTF nor a banner is there, expected a kernel that has started.`,
      )
    : new CasemateError(
        "kernel/no-btf",
        `Cannot read the kernel in ${description}: ${banner} carries no BTF, expected CONFIG_DEBUG_INFO_BTF.`,
      );
}
