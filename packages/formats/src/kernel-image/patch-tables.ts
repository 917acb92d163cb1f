import type { CodeAddress } from "./code-address.ts";
import { unreadable } from "./kernel-image-error.ts";

/** A table of a kernel or a module where it is linked or loaded. HOSTILE: whoever could write the disk. */
export interface PlacedTable {
  readonly address: CodeAddress;
  readonly bytes: Buffer;
}

/** Code that is replaced when processors have a feature: `struct alt_instr`. */
export interface Alternative {
  readonly at: CodeAddress;
  /** In bytes, padding included. */
  readonly length: number;
  readonly replacement: CodeAddress;
  readonly replacementLength: number;
  /** Bit of `x86_capability`. */
  readonly feature: number;
  /** Whether it is replaced where processors lack the feature. */
  readonly inverted: boolean;
  /** Whether a call through a pointer becomes one of what it points to. */
  readonly directCall: boolean;
  /** Whether the kernel fills with breakpoints, not with no-ops, what a shortened jump leaves. */
  readonly newer: boolean;
}

/** A call through `pv_ops`: `struct paravirt_patch_site`. */
export interface ParavirtSite {
  readonly at: CodeAddress;
  /** Number of the pointer in `pv_ops`. */
  readonly type: number;
  readonly length: number;
}

/** A jump that a static key switches: `struct jump_entry`. */
export interface JumpEntry {
  readonly at: CodeAddress;
  readonly target: CodeAddress;
  /** Its `struct static_key`. */
  readonly key: CodeAddress;
  /** Whether it jumps where the key is off, not where it is on. */
  readonly branch: boolean;
}

/** A call of a function that can be exchanged: `struct static_call_site`. */
export interface StaticCallSite {
  readonly at: CodeAddress;
  /** Its `struct static_call_key`. */
  readonly key: CodeAddress;
  /** Whether it is the last thing that a function does: a jump. */
  readonly tail: boolean;
}

/** HOSTILE: no kernel has tables of more entries. */
const MAX_ENTRIES = 2_000_000;

/** Layouts of `struct alt_instr`, the newest first: before 6.3, and before 5.13. */
const ALTERNATIVE_LAYOUTS = [
  { size: 14, lengths: 12, flags: true },
  { size: 12, lengths: 10, flags: false },
  { size: 13, lengths: 10, flags: false },
] as const;
/** Bits of `alt_instr.flags`, and the one of `cpuid` before there were any. */
const ALT_FLAG_NOT = 1;
const ALT_FLAG_DIRECT_CALL = 2;
const ALTINSTR_FLAG_INV = 0x8000;

/**
 * `.altinstructions`. Which layout it has is told by where its entries lead: every replacement is one that
 * `isReplacement` knows and no longer than what it replaces. Throws `disk/unsupported`.
 */
export function parseAlternatives(
  table: PlacedTable,
  isReplacement: (at: CodeAddress, length: number) => boolean,
): readonly Alternative[] {
  const { bytes, address } = table;
  layouts: for (const { size, lengths, flags } of ALTERNATIVE_LAYOUTS) {
    if (bytes.length % size !== 0) continue;
    const found: Alternative[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      const cpuid = bytes.readUInt16LE(at + 8);
      const bits = flags ? bytes.readUInt16LE(at + 10) : 0;
      const replacement = (address + at + 4 + bytes.readInt32LE(at + 4)) | 0;
      const length = bytes.readUInt8(at + lengths);
      const replacementLength = bytes.readUInt8(at + lengths + 1);
      // What is replaced by nothing becomes no-ops; its replacement may be anywhere.
      const isSound = replacementLength === 0 || isReplacement(replacement, replacementLength);
      if (!isSound || replacementLength > length) continue layouts;
      found.push({
        at: (address + at + bytes.readInt32LE(at)) | 0,
        length,
        replacement,
        replacementLength,
        feature: flags ? cpuid : cpuid & ~ALTINSTR_FLAG_INV,
        inverted: flags ? (bits & ALT_FLAG_NOT) !== 0 : (cpuid & ALTINSTR_FLAG_INV) !== 0,
        directCall: (bits & ALT_FLAG_DIRECT_CALL) !== 0,
        newer: flags,
      });
    }
    return found;
  }
  throw unreadable(
    `alternatives of ${bytes.length} bytes in no known layout`,
    "12, 13 or 14 bytes each",
  );
}

/** Tables of distances from the entry to a place: `.retpoline_sites`, `.return_sites`, `.smp_locks`. */
export function parsePlaces({ address, bytes }: PlacedTable): Int32Array {
  const places = new Int32Array(countOf(bytes, 4));
  for (let i = 0; i < places.length; i += 1) places[i] = address + i * 4 + bytes.readInt32LE(i * 4);
  return places;
}

/** `__mcount_loc`: addresses of 64 bits. `moved` is how far from there the code was loaded. */
export function parseAddresses({ bytes }: PlacedTable, moved = 0): Int32Array {
  const places = new Int32Array(countOf(bytes, 8));
  for (let i = 0; i < places.length; i += 1) places[i] = bytes.readInt32LE(i * 8) + moved;
  return places;
}

/** `.parainstructions`, up to 6.7: an address of 64 bits, type and length, 16 bytes apart. */
export function parseParavirtSites({ bytes }: PlacedTable): readonly ParavirtSite[] {
  const sites: ParavirtSite[] = [];
  // Nothing pads the last one.
  for (let at = 0; at + 10 <= bytes.length; at += 16) {
    const length = bytes.readUInt8(at + 9);
    sites.push({ at: bytes.readInt32LE(at), type: bytes.readUInt8(at + 8), length });
  }
  return sites;
}

/** `__jump_table`: distances of 32 bits to code and target, one of 64 to the key. */
export function parseJumpTable({ address, bytes }: PlacedTable): readonly JumpEntry[] {
  return Array.from({ length: countOf(bytes, 16) }, (_, i) => {
    const at = i * 16;
    const key = address + at + 8 + bytes.readInt32LE(at + 8);
    return {
      at: (address + at + bytes.readInt32LE(at)) | 0,
      target: (address + at + 4 + bytes.readInt32LE(at + 4)) | 0,
      // Bit 0 is the branch, bit 1 whether the code is freed after the start.
      key: key & ~3,
      branch: (key & 1) !== 0,
    };
  });
}

/** `.static_call_sites`: distances to code and key. */
export function parseStaticCallSites({ address, bytes }: PlacedTable): readonly StaticCallSite[] {
  return Array.from({ length: countOf(bytes, 8) }, (_, i) => {
    const at = i * 8;
    const key = address + at + 4 + bytes.readInt32LE(at + 4);
    return {
      at: (address + at + bytes.readInt32LE(at)) | 0,
      key: key & ~3,
      tail: (key & 1) !== 0,
    };
  });
}

function countOf(bytes: Buffer, size: number): number {
  const count = Math.floor(bytes.length / size);
  if (count > MAX_ENTRIES)
    throw unreadable(`a table of ${count} entries`, `${MAX_ENTRIES} at most`);
  return count;
}
