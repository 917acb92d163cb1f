import { CasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import { type ForeignFormat, verifyHoldsAll } from "./foreign-format.ts";
import { FileExport } from "./nbd/file-export.ts";
import { NbdDisk } from "./nbd/nbd-disk.ts";
import { nbdError } from "./nbd/nbd-error.ts";
import { POLLIN, pollUntil, SocketChannel, type Wait } from "./nbd/socket-channel.ts";
import { type StorageDaemon, startStorageDaemon } from "./nbd/storage-daemon.ts";
import type { OpenDisk } from "./open-disk.ts";

/** Formats that may have a layer below, which is not opened: `verifyHoldsAll` has refused those that do. */
const WITHOUT_LAYERS = { backing: null };
const LAYERED: readonly ForeignFormat[] = ["vmdk", "qed", "qcow"];

/**
 * Opens a disk image of another maker's format: qemu-storage-daemon reads it, in a process without rights,
 * files or network, and gives the disk in it by NBD. Disposing ends the process.
 *
 * The image's bytes are given to it from here, so `file` may be any reader; nothing that the image names is
 * opened. Throws `disk/incomplete`, `disk/damaged` where QEMU refuses it, `disk/unreadable`; reads throw
 * `disk/damaged`, `disk/unreadable`, `disk/truncated`.
 */
export function openForeignDisk(file: BlockReader, format: ForeignFormat): OpenDisk {
  verifyHoldsAll(file, format);
  const daemon = startStorageDaemon(format, LAYERED.includes(format) ? WITHOUT_LAYERS : {});
  try {
    const disk = serveWhileReading(daemon, file);
    return { disk, [Symbol.dispose]: () => daemon[Symbol.dispose]() };
  } catch (error) {
    const words = daemon.complaints();
    daemon[Symbol.dispose]();
    if (words === "" || !(error instanceof CasemateError)) throw error;
    const seen = `qemu-storage-daemon says ${JSON.stringify(words)}`;
    const needed = "a sound image";
    throw nbdError("disk/damaged", `open a ${format} image`, { seen, needed });
  }
}

/** While the disk's bytes are awaited, the daemon is given those of the file that it asks for. */
function serveWhileReading(daemon: StorageDaemon, file: BlockReader): BlockReader {
  let limit = 0;
  const alone: Wait = (fd, events) => void pollUntil([[fd, events]], limit);
  const source = new FileExport(new SocketChannel(daemon.file), file, alone);
  return new NbdDisk(daemon.disk, "disk", (fd, events, until) => {
    limit = until;
    for (;;) {
      const ready = pollUntil(
        [
          [fd, events],
          [daemon.file, POLLIN],
        ],
        until,
      );
      if (ready.has(daemon.file)) source.serve();
      if (ready.has(fd)) return;
    }
  });
}
