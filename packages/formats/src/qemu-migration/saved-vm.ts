import { type ReadAt, readExactly } from "../read-at.ts";
import { findMachineRam } from "./find-machine-ram.ts";
import {
  LIBVIRT_SAVE_HEADER_BYTES,
  looksLikeLibvirtSave,
  machineOf,
  parseLibvirtSave,
  verifyRamAsUsual,
} from "./libvirt-save.ts";
import { looksLikeMigration, readMigrationStream } from "./migration-stream.ts";
import { planPcRam } from "./pc-ram-layout.ts";
import type { RamBlock } from "./ram-block.ts";

/** Guest-physical `[start, end)`, whole pages, that are `block` from byte `offset` on. */
export interface SavedPiece {
  readonly start: number;
  readonly end: number;
  readonly block: RamBlock;
  readonly offset: number;
}

/** Whether a file starts as a VM saved by libvirt or a bare QEMU migration stream does. */
export const looksLikeSavedVm = (head: Uint8Array): boolean =>
  looksLikeLibvirtSave(head) || looksLikeMigration(head);

/**
 * The RAM in a VM saved by libvirt or in a bare QEMU migration stream: sorted and disjoint.
 *
 * RAM that video memory and firmware lie over (640 KiB to 1 MiB) is there as the machine has it, not as
 * the guest sees it. A bare stream does not tell whether its machine had the option max-ram-below-4g; it
 * is taken for one that had not. HOSTILE: whoever made the file. Throws `dump/truncated`, `dump/unreadable`,
 * `dump/unknown-format`.
 */
export function openSavedVmFile(readAt: ReadAt, size: number): readonly SavedPiece[] {
  let streamOffset = 0;
  let xml = "";
  const head = readAt(0, LIBVIRT_SAVE_HEADER_BYTES);
  if (looksLikeLibvirtSave(head)) {
    streamOffset = parseLibvirtSave(head).streamOffset;
    const length = streamOffset - LIBVIRT_SAVE_HEADER_BYTES;
    const what = "the XML of a VM saved by libvirt";
    xml = Buffer.from(readExactly(readAt, LIBVIRT_SAVE_HEADER_BYTES, length, what)).toString();
    verifyRamAsUsual(xml);
  }
  const saved = readMigrationStream(readAt, streamOffset, size);
  const blocks = findMachineRam(saved.blocks);
  const ramBytes = blocks.reduce((sum, block) => sum + block.length, 0);
  const pieces: SavedPiece[] = [];
  for (const span of planPcRam(saved.machine ?? machineOf(xml), ramBytes)) {
    let before = 0; // bytes of RAM in the blocks before this one
    for (const block of blocks) {
      const from = Math.max(span.offset, before);
      const to = Math.min(span.offset + (span.end - span.start), before + block.length);
      if (from < to) {
        const start = span.start + (from - span.offset);
        pieces.push({ start, end: start + (to - from), block, offset: from - before });
      }
      before += block.length;
    }
  }
  return pieces;
}
