import type { Gpa } from "./units.ts";

/** A run of guest-physical addresses that RAM answers: `[start, end)`, in bytes. */
export interface MemoryRange {
  readonly start: Gpa;
  readonly end: Gpa;
}

/**
 * A guest's physical memory, whatever it comes from: shared RAM that is mapped, a QEMU process, a dump.
 *
 * Readers go through windows: aligned pieces of `2 ** windowShift` bytes, number `i` starting at
 * guest-physical address `i * 2 ** windowShift`. A mapped source returns the live bytes (no copy, and
 * they change under the reader); a copying source returns the bytes as they were when first read since
 * the last `refresh()`.
 *
 * HOSTILE: every byte is controlled by the guest.
 */
export interface PhysicalMemory extends AsyncDisposable {
  /** What this is, for errors and people: `web01 (memfd of pid 4711)`, `/tmp/web01.raw`. */
  readonly description: string;
  /** Where RAM answers: sorted, disjoint, page-aligned. */
  readonly ranges: readonly MemoryRange[];
  /** log2 of the window size in bytes, from 12 to 30. */
  readonly windowShift: number;
  /** Whether the bytes change while they are read. */
  readonly live: boolean;
  /**
   * Window `index`. It starts at the window's first address and ends early where RAM does; a hole inside
   * reads as zeros. `undefined` where the window holds no RAM at all.
   *
   * Throws `vm/gone` when the guest went away, `dump/truncated` when the file ends early.
   */
  window(index: number): DataView | undefined;
  /**
   * Runs of RAM that may hold something else than zeros, lowest first, found out as they are asked for.
   *
   * Who reads all of RAM keeps to them: a hole of a running guest's memory that is read becomes a page
   * which the host must find room for. HOSTILE: a guest that gives back pages makes any number of runs.
   */
  populated(): Iterable<MemoryRange>;
  /** Forgets copies, so that later reads see the guest as it is then. Windows returned before stay readable. */
  refresh(): void;
}
