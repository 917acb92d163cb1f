import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import type { ImageFormat } from "@casemate/formats/disk";
import { fcntl, pidfdGetfd } from "../memory/libc.ts";
import type { GuestMemorySource } from "../memory/open-guest-memory.ts";
import { isRunning, openPidFd } from "../memory/pid-fd.ts";
import type { DiskDescription, LayerDescription } from "./disk-description.ts";
import { type BlockDevice, parseBlockDevices } from "./parse-block-devices.ts";

/** A VM's disks, opened: what to read and by which descriptors, to be used or sent away. */
export interface OpenDisks {
  readonly disks: readonly DiskDescription[];
  readonly fds: readonly number[];
}

/** fcntl(2), `F_GETFL`, and what of the flags says how a file may be used. */
const F_GETFL = 3;
const O_ACCMODE = 3;
const O_PATH = 0x200000;
/** A message carries 253 descriptors, those of the memory among them. */
const MAX_FILES = 128;
const FORMATS: readonly string[] = ["raw", "qcow2"] satisfies ImageFormat[];

/**
 * Opens the disks of a running QEMU guest for reading, with the chains that QEMU itself tells: no name in an
 * image is followed, and no path at all. Each file is the one that QEMU has open, through its own descriptor.
 *
 * The guest goes on writing, and what it wrote last may not be there yet. Disks that are not files in raw or
 * qcow2 format are left out. The caller owns the descriptors. Throws `vm/gone`, `memory/not-permitted`.
 */
export async function openVmDisks(
  { pid, description, monitor }: GuestMemorySource,
  signal?: AbortSignal,
): Promise<OpenDisks> {
  const devices = parseBlockDevices(await monitor.qmp({ execute: "query-block" }));
  signal?.throwIfAborted();
  const pidFd = openPidFd(pid);
  const fds: number[] = [];
  try {
    const open = fileOpener(pid, pidFd, fds);
    const disks = devices.flatMap((device) => openDevice(device, open) ?? []);
    // All that was opened by number was this process, because it still runs.
    if (!isRunning(pidFd)) throw gone(description, pid);
    return { disks, fds };
  } catch (error) {
    for (const fd of fds) closeSync(fd);
    throw error;
  } finally {
    closeSync(pidFd);
  }
}

type OpenByName = (filename: string) => number | undefined;

function openDevice({ name, images }: BlockDevice, open: OpenByName): DiskDescription | undefined {
  const layers: LayerDescription[] = [];
  for (const { filename, format } of images) {
    const file = isFormat(format) ? open(filename) : undefined;
    if (file === undefined || !isFormat(format)) return undefined;
    layers.push({ format, file });
  }
  return { name, layers };
}

const isFormat = (format: string): format is ImageFormat => FORMATS.includes(format);

/** Finds which of QEMU's descriptors a file name stands for; what it opens is added to `fds`. */
function fileOpener(pid: number, pidFd: number, fds: number[]): OpenByName {
  const known = new Map<string, number | undefined>();
  const numbers = listDescriptors(pid);
  return (filename) => {
    if (!known.has(filename) && fds.length < MAX_FILES) {
      const fd = (numbers.get(filename) ?? []).map((number) => reopen(pidFd, number)).find(isFd);
      known.set(filename, fd === undefined ? undefined : fds.push(fd) - 1);
    }
    return known.get(filename);
  };
}

const isFd = (fd: number | undefined): fd is number => fd !== undefined;

function listDescriptors(pid: number): ReadonlyMap<string, readonly number[]> {
  const directory = `/proc/${pid}/fd`;
  const numbers = new Map<string, number[]>();
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch (cause) {
    throw new CasemateError(
      "memory/not-permitted",
      `Cannot open the disks of process ${pid}: ${cause instanceof Error ? cause.message : cause}, expected the right to.`,
      { cause },
    );
  }
  for (const name of names) {
    try {
      const path = readlinkSync(`${directory}/${name}`);
      numbers.set(path, [...(numbers.get(path) ?? []), Number(name)]);
    } catch {
      // closed since the directory was listed
    }
  }
  return numbers;
}

/**
 * A descriptor of QEMU's, opened anew for reading only; `undefined` if QEMU may not read it either.
 *
 * HOSTILE: a QEMU that its guest broke out of may have put another file in its place, but none that it may
 * not read: a copy of its descriptor says how it was opened, and is what is opened anew.
 */
function reopen(pidFd: number, number: number): number | undefined {
  const copy = pidfdGetfd(pidFd, number);
  if (copy < 0) return undefined;
  try {
    const flags = fcntl(copy, F_GETFL);
    const mayRead = (flags & O_PATH) === 0 && (flags & O_ACCMODE) !== constants.O_WRONLY;
    if (flags < 0 || !mayRead || !fstatSync(copy).isFile()) return undefined;
    return openSync(`/proc/self/fd/${copy}`, constants.O_RDONLY);
  } catch {
    return undefined;
  } finally {
    closeSync(copy);
  }
}

function gone(name: string, pid: number): CasemateError {
  return new CasemateError(
    "vm/gone",
    `Cannot open the disks of ${name}: process ${pid} ended, expected a running QEMU.`,
  );
}
