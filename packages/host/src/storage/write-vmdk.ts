import type { FileHandle } from "node:fs/promises";
import { inheritedFile, runQemuImg } from "./run-qemu-img.ts";

/** Where a sparse VMDK has its descriptor (Virtual Disk Format 5.0), as QEMU writes it. */
const DESCRIPTOR_AT = 512;
const DESCRIPTOR_BYTES = 20 * 512;

/**
 * Writes an image, with what it rests on merged into it, as a streamOptimized VMDK into an open empty file
 * that need have no name.
 *
 * @param image has been described: its headers name no file that may not be read.
 * @param name that the VMDK says it has. Throws `image/unreadable`, `disk/full`, `cancelled`.
 */
export async function writeVmdk(
  image: { readonly path: string; readonly format: string },
  into: FileHandle,
  name: string,
  onFraction: (fraction: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const args = [
    ...["convert", "-p", "-f", image.format, "-O", "vmdk"],
    // What VMware's products of the last fifteen years take.
    ...["-o", "subformat=streamOptimized,adapter_type=lsilogic,compat6"],
    ...[image.path, inheritedFile],
  ];
  const onPercent = (percent: number): void => onFraction(percent / 100);
  await runQemuImg(args, { doing: `copy ${image.path}`, onPercent, inherited: into.fd }, signal);
  await nameExtent(into, name);
}

/** QEMU named the extent for the path that it had. */
async function nameExtent(into: FileHandle, name: string): Promise<void> {
  const descriptor = Buffer.alloc(DESCRIPTOR_BYTES);
  await into.read(descriptor, 0, DESCRIPTOR_BYTES, DESCRIPTOR_AT);
  const text = descriptor
    .toString("latin1")
    .replace(/\0+$/, "")
    .replace(/^(RW \d+ SPARSE) "[^"\n]*"$/m, `$1 "${name}"`);
  const renamed = Buffer.alloc(DESCRIPTOR_BYTES);
  renamed.write(text, "latin1");
  await into.write(renamed, 0, DESCRIPTOR_BYTES, DESCRIPTOR_AT);
}
