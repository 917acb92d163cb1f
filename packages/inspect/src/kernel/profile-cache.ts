import type { BtfLocation } from "../btf/walk-btf.ts";
import type { Budget } from "../budget.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { KernelProfile } from "./kernel-profile.ts";

/** A profile takes 10 to 15 MB. */
const DEFAULT_LIMIT = 16;

/** A build seen before, and where a kernel of it keeps its types. */
export interface KnownBuild {
  readonly profile: KernelProfile;
  readonly location: BtfLocation;
}

/** Kernel builds seen before, so that the next guest of the same build is found in a fraction of the time. */
export class ProfileCache {
  readonly #limit: number;
  /** Most recently used last. */
  #profiles: readonly KernelProfile[] = [];

  constructor(limit = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#profiles.length;
  }

  /** The build of the kernel whose BTF is at `location`, from the cache if it is there. */
  read(physical: PhysicalReader, location: BtfLocation, budget: Budget): KernelProfile {
    const known = this.#profiles.find((profile) => profile.matches(physical, location));
    return known ?? KernelProfile.read(physical, location, budget);
  }

  /**
   * Builds with the symbols of the kernel image at `image`, and where it should have its BTF: for a kernel
   * that has none.
   *
   * HOSTILE: another guest may have had these symbols and types of its own making; then there are two.
   */
  find(physical: PhysicalReader, image: number): readonly KnownBuild[] {
    return this.#profiles.flatMap((profile) => {
      const location = profile.locate(physical, image);
      return location === undefined ? [] : [{ profile, location }];
    });
  }

  /**
   * Remembers a profile that a kernel was opened with.
   *
   * HOSTILE: RAM may be full of what looks like a kernel's types; those must not push out others.
   */
  keep(profile: KernelProfile): void {
    const others = this.#profiles.filter((known) => known !== profile);
    this.#profiles = [...others, profile].slice(-this.#limit);
  }
}
