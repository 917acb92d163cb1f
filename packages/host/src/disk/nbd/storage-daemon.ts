import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, readSync } from "node:fs";
import { openListeningPair, openStreamPair } from "./socket-pairs.ts";

/** `nobody` and `nogroup`: the kernel's overflow ids (/proc/sys/kernel/overflowuid), the same everywhere. */
const NOBODY = "65534";
/** What it may take: of memory, and of descriptors once it has those that it needs. */
const LIMITS = ["--data=268435456", "--core=0", "--fsize=0", "--nofile=64"] as const;
const COMPLAINT_BYTES = 4096;

/** A running qemu-storage-daemon, to be spoken to by two sockets; disposing kills it. */
export interface StorageDaemon extends Disposable {
  readonly process: ChildProcess;
  /** Where it asks for the image file's bytes, as an NBD client. */
  readonly file: number;
  /** Where it exports the disk called `disk`, as an NBD server. */
  readonly disk: number;
  /** What it said on stderr until now. */
  complaints(): string;
}

/**
 * Starts qemu-storage-daemon for an image that it does not open: it has no file, no network and no rights.
 * It reads the image through one socket and exports the disk in it through another.
 *
 * QEMU 7.2 has no `/dev/fdset` in this program, and what `/dev/fd` names is opened anew, which a process
 * without rights may not do.
 *
 * @param format QEMU's name of the block driver.
 */
export function startStorageDaemon(format: string, options: object): StorageDaemon {
  const file = openStreamPair();
  const disk = openListeningPair();
  const words = openStreamPair();
  const [command = "", ...args] = [...confinement(), ...daemon(format, options)];
  const child = spawn(command, args, {
    stdio: ["ignore", "ignore", words.theirs, file.theirs, disk.theirs],
    env: {},
    cwd: "/",
  });
  child.on("error", () => {}); // its sockets are closed: whoever reads sees that
  child.unref();
  for (const { theirs } of [file, disk, words]) closeSync(theirs);
  return {
    process: child,
    file: file.ours,
    disk: disk.ours,
    complaints: () => readComplaints(words.ours),
    [Symbol.dispose]() {
      child.kill("SIGKILL");
      for (const { ours } of [file, disk, words]) closeSync(ours);
    },
  };
}

/** Numbers of the descriptors are those of `stdio`. */
function daemon(format: string, options: object): readonly string[] {
  const server = { type: "fd", str: "3" };
  const image = { driver: "nbd", "node-name": "file", "read-only": true, server };
  const disk = { driver: format, "node-name": "disk", "read-only": true, file: "file", ...options };
  return [
    ...["qemu-storage-daemon", "--blockdev", JSON.stringify(image)],
    ...["--blockdev", JSON.stringify(disk)],
    ...["--nbd-server", "addr.type=fd,addr.str=4,max-connections=1"],
    ...["--export", "type=nbd,id=disk,node-name=disk,name=disk,writable=off"],
  ];
}

/** As nobody, in an empty network, unable ever to gain rights, and gone with this process. */
function confinement(): readonly string[] {
  // The kernel forgets whose end is to be its own when the user changes: it is told after that.
  const bound = [
    "setpriv",
    "--no-new-privs",
    "--pdeathsig",
    "KILL",
    "--",
    "prlimit",
    ...LIMITS,
    "--",
  ];
  if (process.getuid?.() !== 0) return bound;
  return [
    ...["unshare", "--net", "--ipc", "--"],
    ...["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"],
    ...["--bounding-set", "-all", "--inh-caps", "-all", "--"],
    ...bound,
  ];
}

function readComplaints(fd: number): string {
  const bytes = Buffer.alloc(COMPLAINT_BYTES);
  try {
    return bytes.toString("latin1", 0, readSync(fd, bytes, 0, bytes.length, null)).trim();
  } catch {
    return ""; // nothing is there
  }
}
