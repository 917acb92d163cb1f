import { type BigIntStats, closeSync, constants, existsSync, fstatSync, openSync } from "node:fs";
import type { NonEmpty } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import { openDiskFiles } from "@casemate/host/open-disk-files";
import type { DiskLayer, LayeredDisk } from "@casemate/scan/scan-reusing";

/** A disk's layers, their files open. */
export interface OpenLayers extends LayeredDisk, Disposable {
  /** Whether no file was written since it was opened. */
  isSettled(): boolean;
}

/** Each is opened with all below it: those of longer chains are one with what is below them. */
const MAX_LAYERS = 32;
/** A file that was written just now may be written again within the same tick of the clock. */
const SETTLED_NS = 2_000_000_000n;

/** Opens the image at `paths`, and by itself what each of the other files is. Throws `disk/*`. */
export async function openLayers(paths: readonly string[]): Promise<OpenLayers> {
  using undo = new DisposableStack();
  const readers: BlockReader[] = [];
  for (const i of paths.slice(0, MAX_LAYERS).keys()) {
    readers.push(undo.use(await openDiskFiles(paths.slice(i))).disk);
  }
  const files = paths.map((named) => {
    const path = existsSync(named) ? named : named.slice(0, Math.max(0, named.lastIndexOf("#")));
    const fd = undo.adopt(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), closeSync);
    return { fd, identity: identify(fd, named.slice(path.length)) };
  });
  const layers = readers.map((reader, i): DiskLayer => {
    const own = files.slice(i, i === MAX_LAYERS - 1 ? files.length : i + 1);
    const identities = own.map(({ identity }) => identity);
    return { reader, identity: identities.includes(undefined) ? undefined : identities.join() };
  });
  const [top = { reader: (await openDiskFiles(paths)).disk, identity: undefined }, ...below] =
    layers;
  const whole: NonEmpty<DiskLayer> = [top, ...below];
  const before = files.map(({ fd }) => describe(fstatSync(fd, { bigint: true })));
  const opened = undo.move();
  return {
    name: paths[0] ?? "",
    layers: whole,
    isSettled: () =>
      files.every(({ fd }, i) => describe(fstatSync(fd, { bigint: true })) === before[i]),
    [Symbol.dispose]: () => opened.dispose(),
  };
}

/** What no other bytes have, as far as the host's file system tells; `undefined` for what is no file at rest. */
function identify(fd: number, part: string): string | undefined {
  const stat = fstatSync(fd, { bigint: true });
  // Every write sets it, and nobody can set it otherwise.
  const isAtRest = BigInt(Date.now()) * 1_000_000n - stat.ctimeNs > SETTLED_NS;
  return stat.isFile() && isAtRest ? `${describe(stat)}${part}` : undefined;
}

const describe = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join(":");
