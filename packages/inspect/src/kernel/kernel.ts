import type { KernelMemory } from "../memory/kernel-memory.ts";
import type { PageOwners } from "../memory/page-owners.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import type { DataClass } from "./data-class.ts";
import { FileContentsReader } from "./file-contents-reader.ts";
import { Grant } from "./grant.ts";
import type { KernelFacts } from "./kernel-facts.ts";
import type { KernelProfile } from "./kernel-profile.ts";
import { KernelReader } from "./kernel-reader.ts";
import { KernelTextReader } from "./kernel-text-reader.ts";
import { UserMemoryReader } from "./user-memory-reader.ts";

/**
 * A guest's kernel, found by `attach`. It gives away where the kernel is; all else needs a grant.
 *
 *     const kernel = attach(memory);
 *     const { items, consistency } = kernel.grant("kernelMetadata").read(processes);
 */
export class Kernel {
  readonly facts: KernelFacts;
  readonly #physical: PhysicalReader;
  readonly #reader: KernelReader;
  readonly #owners: PageOwners | undefined;

  constructor(
    physical: PhysicalReader,
    memory: KernelMemory,
    profile: KernelProfile,
    facts: KernelFacts,
    owners: PageOwners | undefined,
  ) {
    this.facts = facts;
    this.#owners = owners;
    this.#physical = physical;
    this.#reader = new KernelReader(profile, memory, facts, physical.memory.live);
  }

  /** Whether the guest may change while it is read; a dump does not. */
  get isLive(): boolean {
    return this.#physical.memory.live;
  }

  /** Leave to look at data of `classes` and of no others. Whoever calls this has asked the policy. */
  grant<const Classes extends DataClass>(...classes: readonly Classes[]): Grant<Classes> {
    const readers = {
      kernelMetadata: { kernel: this.#reader },
      kernelText: { text: new KernelTextReader(this.#reader, this.#physical) },
      userMemory: { user: new UserMemoryReader(this.#reader, this.#physical) },
      fileContents: { files: new FileContentsReader(this.#reader, this.#physical, this.#owners) },
    };
    const access = Object.assign({}, ...classes.map((each) => readers[each]));
    return new Grant<Classes>(this.#reader, this.#physical.memory, classes, access);
  }
}
