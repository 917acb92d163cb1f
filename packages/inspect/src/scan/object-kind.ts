import type { SlabObject } from "./scan-objects.ts";
import type { SlabCache } from "./slab-cache.ts";

/** What RAM is scanned for: where it is allocated, and how it is told from what else lies there. */
export interface ObjectKind<Candidate> {
  readonly caches: readonly SlabCache[];
  /** `undefined` of what is none. Throws `kernel/damaged`. */
  recognize(object: SlabObject): Candidate | undefined;
}
