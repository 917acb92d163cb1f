export { expandXz } from "./compression/xz.ts";
export {
  type Kdump,
  type KdumpPiece,
  looksLikeKdump,
  openKdumpFile,
  readKdumpPages,
} from "./kdump/kdump.ts";
export { arrangeSegments, type DumpSegment } from "./memory-dump/dump-segment.ts";
export { ELF_CORE_HEAD_BYTES, isElf, parseElfCore } from "./memory-dump/elf-core.ts";
export { isLime, LIME_HEADER_BYTES, parseLimeHeader } from "./memory-dump/lime.ts";
export { formatDescriptor } from "./ovf/format-descriptor.ts";
export type { MachineDescription, MachineDisk, MachineNic } from "./ovf/machine-description.ts";
export { type FileDigest, formatManifest, parseManifest } from "./ovf/manifest.ts";
export { maxDescriptorCharacters, parseDescriptor } from "./ovf/parse-descriptor.ts";
export { readTar } from "./ovf/read-tar.ts";
export { formatTarHeader, TAR_BLOCK_BYTES } from "./ovf/tar-header.ts";
export type { PagePlace, RamBlock } from "./qemu-migration/ram-block.ts";
export { looksLikeSavedVm, openSavedVmFile, type SavedPiece } from "./qemu-migration/saved-vm.ts";
export type { ReadAt } from "./read-at.ts";
export { parseXml, type XmlLimits } from "./xml/parse-xml.ts";
export {
  attributeOf,
  childElements,
  elementAt,
  formatXml,
  makeElement,
  textAt,
} from "./xml/xml-tree.ts";
