/** Formats that memory images come in: what reads one of them loads no more than these. */

export {
  type Kdump,
  type KdumpPiece,
  looksLikeKdump,
  openKdumpFile,
  readKdumpPages,
} from "./kdump/kdump.ts";
export { arrangeSegments, type DumpSegment } from "./memory-dump/dump-segment.ts";
export { ELF_CORE_HEAD_BYTES, isElf, parseElfCore } from "./memory-dump/elf-core.ts";
export {
  formatLimeHeader,
  isLime,
  LIME_HEADER_BYTES,
  parseLimeHeader,
} from "./memory-dump/lime.ts";
export type { PagePlace, RamBlock } from "./qemu-migration/ram-block.ts";
export { looksLikeSavedVm, openSavedVmFile, type SavedPiece } from "./qemu-migration/saved-vm.ts";
export type { ReadAt } from "./read-at.ts";
