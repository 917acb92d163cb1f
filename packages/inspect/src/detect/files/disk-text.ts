import { hash } from "node:crypto";
import { MiB, toCasemateError } from "@casemate/core";
import type { Inspection } from "../detector.ts";
import type { ProgramFile } from "./program-files.ts";

/** Libraries of browsers are the largest. */
const MAX_FILE = 384 * MiB;
const PAGE = 4096;
const DIGEST = 20;
/** An ELF note of type NT_GNU_BUILD_ID with 20 bytes: namesz, descsz, type, name. */
const BUILD_ID_NOTE = Buffer.from("040000001400000003000000474e5500", "hex");

/** What the disk has of a file, or why it is not known. */
export type DiskText =
  | {
      readonly state: "known";
      /** Of its pages one after another, SHA-1 each: of a file only what it would be compared with is kept. */
      readonly digests: Buffer;
      /** NT_GNU_BUILD_ID, or else the first page, as hexadecimal digits. */
      readonly identity: string;
      /** The file itself, in the look that read it. */
      readonly bytes?: Uint8Array;
    }
  | { readonly state: "unknown"; readonly reason: string };

/** Reads what the guest's disks have of a file. */
export function readDiskText(file: ProgramFile, inspection: Inspection): DiskText {
  const bytes = readDiskFile(file, inspection);
  if (typeof bytes === "string") return { state: "unknown", reason: bytes };
  const pages = Math.ceil(bytes.length / PAGE);
  inspection.budget.step(pages);
  const digests = Buffer.allocUnsafe(pages * DIGEST);
  for (let page = 0; page < pages; page += 1) {
    digestPage(bytes.subarray(page * PAGE, (page + 1) * PAGE)).copy(digests, page * DIGEST);
  }
  return { state: "known", digests, identity: identifyProgram(bytes), bytes };
}

/** The file's bytes on the disk, or why there are none that are the same file's. */
export function readDiskFile(
  { path, diskPath, isOnDisk, size }: ProgramFile,
  { files }: Inspection,
): Uint8Array | string {
  if (files === undefined) return "No disk of the guest can be read.";
  if (!isOnDisk) return `${path} is on no disk.`;
  if (diskPath === undefined) return `${path} is not among the files of the guest's first process.`;
  if (size > MAX_FILE) return `${path} is larger than ${MAX_FILE / MiB} MiB.`;
  try {
    const bytes = files.read(diskPath, MAX_FILE);
    if (bytes === undefined) return `No disk that can be read has ${diskPath}.`;
    if (bytes.length === size) return bytes;
    return `The disk has another version of ${diskPath}, of ${bytes.length} bytes instead of ${size}.`;
  } catch (thrown) {
    const { code, message } = toCasemateError(thrown);
    if (!code.startsWith("disk/")) throw thrown;
    return message;
  }
}

/** Whether the page of number `page` is the one that the disk has. */
export function isOnDiskSo(
  { digests, bytes }: DiskText & { state: "known" },
  page: number,
  seen: Uint8Array,
): boolean {
  if (bytes !== undefined) {
    const onDisk = bytes.subarray(page * PAGE, page * PAGE + seen.length);
    return Buffer.compare(onDisk, seen) === 0;
  }
  return digestPage(seen).equals(digests.subarray(page * DIGEST, (page + 1) * DIGEST));
}

/** What tells versions of a program apart, out of its first page: its build-id, or else all of the page. */
export function identifyProgram(bytes: Uint8Array): string {
  const first = Buffer.from(bytes.subarray(0, PAGE));
  const note = first.indexOf(BUILD_ID_NOTE);
  const end = note + BUILD_ID_NOTE.length + DIGEST;
  return (note < 0 || end > first.length ? first : first.subarray(note, end)).toString("hex");
}

function digestPage(bytes: Uint8Array): Buffer {
  return hash("sha1", bytes, "buffer");
}
