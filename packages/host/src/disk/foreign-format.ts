import { type BlockReader, readBytes } from "@casemate/formats/disk";
import { nbdError } from "./nbd/nbd-error.ts";

/** Formats of disk images that QEMU reads and Casemate does not, by the names of QEMU's drivers. */
export const foreignFormats = [
  "vmdk",
  "vdi",
  "vhdx",
  "vpc",
  "qed",
  "qcow",
  "parallels",
  "bochs",
  "cloop",
  "dmg",
] as const;

export type ForeignFormat = (typeof foreignFormats)[number];

const SECTOR = 512;
/** How each begins: the `*_probe` functions of QEMU's block/. */
const SIGNATURES: readonly (readonly [format: ForeignFormat, at: number, magic: string])[] = [
  ["vmdk", 0, "KDMV"],
  ["vmdk", 0, "COWD"],
  ["vmdk", 0, "# Disk DescriptorFile"],
  ["vdi", 0x40, "\x7f\x10\xda\xbe"],
  ["vhdx", 0, "vhdxfile"],
  ["vpc", 0, "conectix"],
  ["qed", 0, "QED\0"],
  ["qcow", 0, "QFI\xfb\0\0\0\x01"],
  ["parallels", 0, "WithoutFreeSpace"],
  ["parallels", 0, "WithouFreSpacExt"],
  ["bochs", 0, "Bochs Virtual HD Image"],
  ["cloop", 0, "#!/bin/sh\n#V2.0 Format"],
];
/** Those that are told by the last sector. */
const TRAILERS: readonly (readonly [format: ForeignFormat, magic: string])[] = [
  ["vpc", "conectix"],
  ["dmg", "koly"],
];

/** The format of an image that nobody has told: for files that no guest writes to as they are. */
export function guessForeignFormat(file: BlockReader): ForeignFormat | undefined {
  for (const [format, at, magic] of SIGNATURES) if (holds(file, at, magic)) return format;
  for (const [format, magic] of TRAILERS) {
    if (holds(file, file.size - SECTOR, magic)) return format;
  }
  return undefined;
}

function holds(file: BlockReader, at: number, magic: string): boolean {
  if (at < 0 || at + magic.length > file.size) return false;
  return readBytes(file, at, magic.length, "an image").toString("latin1") === magic;
}

/** VMDK 5.0 specification, `SparseExtentHeader`: the disk's size, and where its description is. */
const VMDK_CAPACITY_AT = 12;
const VMDK_DESCRIPTOR_AT = 28;
const VMDK_HEADER_BYTES = 44;
const MAX_DESCRIPTOR = 1024 * 1024;
const NO_PARENT = "ffffffff";
/** VHD 1.0, "Disk Type" of the footer: differencing. */
const VHD_TYPE_AT = 60;
const VHD_DIFFERENCING = 4;
/** docs/interop/qed_spec.txt: `features`, bit 0. */
const QED_FEATURES_AT = 16;
/** The backing file's name of qcow, version 1. */
const QCOW_NAME_AT = 8;

/**
 * Throws `disk/incomplete` where the image is of a disk whose bytes are partly in other files: those that it
 * names are not opened, and zeros in their place would be wrong. VDI, VHDX and the others with a parent are
 * refused by QEMU.
 */
export function verifyHoldsAll(file: BlockReader, format: ForeignFormat): void {
  const head = readBytes(file, 0, Math.min(SECTOR, file.size), "an image");
  const number = (at: number) => (at + 8 <= head.length ? head.readBigUInt64LE(at) : 0n);
  if (format === "vmdk") verifyVmdk(file, head);
  if (format === "qed" && (number(QED_FEATURES_AT) & 1n) !== 0n) throw needsOthers("a layer");
  if (format === "qcow" && number(QCOW_NAME_AT) !== 0n) throw needsOthers("a layer");
  if (format === "vpc" && file.size >= SECTOR) {
    const footer = readBytes(file, file.size - SECTOR, SECTOR, "an image");
    if (footer.readUInt32BE(VHD_TYPE_AT) === VHD_DIFFERENCING) throw needsOthers("a layer");
  }
}

function verifyVmdk(file: BlockReader, head: Buffer): void {
  const magic = head.toString("latin1", 0, 4);
  if (magic === "COWD") return;
  // QEMU takes the description for all there is where the header tells of no disk.
  const isAlone = magic === "KDMV" && head.length >= VMDK_HEADER_BYTES;
  if (!isAlone || head.readBigUInt64LE(VMDK_CAPACITY_AT) === 0n) throw needsOthers("a description");
  const start = Number(head.readBigUInt64LE(VMDK_DESCRIPTOR_AT)) * SECTOR;
  const length = Number(head.readBigUInt64LE(VMDK_DESCRIPTOR_AT + 8)) * SECTOR;
  if (start === 0) return;
  const text = readBytes(file, start, Math.min(length, MAX_DESCRIPTOR), "a VMDK's description");
  const parent = /^\s*parentCID\s*=\s*(\w+)/im.exec(text.toString("latin1"))?.[1];
  if (parent !== undefined && parent.toLowerCase() !== NO_PARENT) throw needsOthers("a layer");
}

function needsOthers(what: string) {
  const seen = `it is ${what} of other files`;
  return nbdError("disk/incomplete", "open a disk image", { seen, needed: "all in one" });
}
