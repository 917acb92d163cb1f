import { BinaryReader, CasemateError } from "@casemate/core";

/** `virQEMUSaveHeader` (libvirt 9.0, src/qemu/qemu_saveimage.h), in the host's byte order. */
const MAGIC = "LibvirtQemudSave";
const UNFINISHED = "LibvirtQemudPart";
export const LIBVIRT_SAVE_HEADER_BYTES = 92;
const VERSIONS: readonly number[] = [1, 2];
/** `virQEMUSaveFormat`, by number. */
const FORMATS = ["raw", "gzip", "bzip2", "xz", "lzop", "zstd", "sparse"] as const;
/** The XML of a VM has some KiB, its cookie as much; libvirt pads them to 64 KiB. */
const MAX_DATA_BYTES = 16 * 1024 * 1024;

const RAW = 'set save_image_format = "raw" in /etc/libvirt/qemu.conf';

/** Where things are in a VM that libvirt saved; offsets in bytes of the file. */
export interface LibvirtSave {
  /** The VM's XML, from `LIBVIRT_SAVE_HEADER_BYTES` on, ends here at the latest; QEMU's stream starts. */
  readonly streamOffset: number;
}

/** Whether a file starts as a VM that libvirt saved does, finished or not. */
export function looksLikeLibvirtSave(head: Uint8Array): boolean {
  const magic = magicOf(head);
  return magic === MAGIC || magic === UNFINISHED;
}

/**
 * The header of a VM saved by libvirt (`virsh save`, `virsh managedsave`, an external memory snapshot).
 *
 * HOSTILE: whoever made the file. Throws `dump/truncated`, and `dump/unknown-format` for one that
 * libvirt compressed or did not finish.
 */
export function parseLibvirtSave(head: Uint8Array): LibvirtSave {
  const reader = new BinaryReader(head, "the header of a VM saved by libvirt", "dump/truncated");
  const magic = magicOf(reader.bytes("magic", MAGIC.length));
  if (magic === UNFINISHED) {
    throw new CasemateError(
      "dump/truncated",
      "Cannot read a VM saved by libvirt: libvirt did not finish saving it, expected a finished save.",
      { next: "Save the VM again with `virsh save`." },
    );
  }
  const version = reader.u32("version");
  const dataLength = reader.u32("data_len");
  reader.u32("was_running");
  const format = reader.u32("format");
  if (magic !== MAGIC || !VERSIONS.includes(version)) {
    throw refused(`version ${version}`, "Save the VM on a host of this machine's byte order.");
  }
  if (format !== 0) {
    const name = FORMATS[format] ?? `format ${format}`;
    throw refused(
      `libvirt saved it as ${name}`,
      `Let libvirt save uncompressed (${RAW} and restart it), then restore and save the VM again.`,
    );
  }
  if (dataLength > MAX_DATA_BYTES) throw refused(`${dataLength} bytes of XML`, "Save it again.");
  return { streamOffset: LIBVIRT_SAVE_HEADER_BYTES + dataLength };
}

/** The machine type in a VM's XML; `undefined` if it has none. */
export const machineOf = (xml: string): string | undefined =>
  /<type [^>]*machine='([^'<>]{1,64})'/.exec(xml)?.[1];

/** Throws `dump/unknown-format` for XML that moves the VM's RAM to where only QEMU knows. */
export function verifyRamAsUsual(xml: string): void {
  if (!xml.includes("max-ram-below-4g")) return;
  throw refused(
    "its machine has the option max-ram-below-4g",
    "Restore the VM and take a dump with `virsh dump --memory-only`.",
  );
}

const magicOf = (head: Uint8Array): string =>
  Buffer.from(head.subarray(0, MAGIC.length)).toString("latin1");

function refused(seen: string, next: string): CasemateError {
  return new CasemateError(
    "dump/unknown-format",
    `Cannot read a VM saved by libvirt: ${seen}, expected QEMU's own stream behind its XML.`,
    { next },
  );
}
