import { CasemateError } from "@casemate/core";
import { BytesReader } from "../src/disk/bytes-reader.ts";
import { walkTree } from "../src/disk/fs/walk-tree.ts";
import {
  type BlockReader,
  type FileSystem,
  guessImageFormat,
  type LuksHeader,
  openFileSystem,
  openImageChain,
  Qcow2Image,
  walkVolumes,
} from "../src/disk/index.ts";
import { LUKS_PASSPHRASE } from "./build-volumes.ts";

/** What a look takes at most: the scanner's own bounds stand for these. */
const MAX_FILES = 5_000;
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_VOLUME_BYTES = 512 * 1024;
const MAX_RUNS = 10_000;
const MAX_ROUNDS = 20_000;
const buffer = Buffer.alloc(64 * 1024);

/**
 * Looks at everything in a disk image that somebody may have damaged; returns the codes of the errors that
 * it met. Throws what is no error of the catalogue: a defect.
 */
export function lookAtDisk(file: BlockReader): ReadonlySet<string> {
  const codes = new Set<string>();
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof CasemateError) || error.code === "internal") throw error;
      codes.add(error.code);
    }
  };
  attempt(() => {
    const format = guessImageFormat(file);
    const disk = openImageChain([{ file, format }]);
    if (disk instanceof Qcow2Image) attempt(() => lookAtImage(file, disk));
    for (const { origin, reader, problem } of walkVolumes([disk], { unlock })) {
      attempt(() => {
        if (problem !== undefined) throw problem;
        if (origin.kind === "logical-volume") readSome(reader, MAX_VOLUME_BYTES);
        lookAtFiles(openFileSystem(reader), attempt);
      });
    }
  });
  return codes;
}

/** What a passphrase may cost is bounded, and still more than a mutant is worth. */
const unlock = ({ keyslots, digest }: LuksHeader) => {
  const rounds = keyslots.map(({ kdf }) => (kdf.type === "pbkdf2" ? kdf.iterations : MAX_ROUNDS));
  if (Math.max(digest.iterations, ...rounds) > MAX_ROUNDS) return undefined;
  return { passphrase: LUKS_PASSPHRASE };
};

function lookAtImage(file: BlockReader, image: Qcow2Image): void {
  let runs = 0;
  for (const { length } of image.walkRuns()) {
    if (!(length > 0)) throw new Error(`a run of ${length} bytes`);
    runs += 1;
    if (runs > MAX_RUNS) break;
  }
  readSome(image, MAX_BYTES);
  for (const { id } of image.snapshots())
    readSome(new Qcow2Image(file, { snapshot: id }), MAX_BYTES);
}

function lookAtFiles(fs: FileSystem, attempt: (work: () => void) => void): void {
  let files = 0;
  let bytes = 0;
  for (const { node, problem, path } of walkTree(fs.volume.root, "")) {
    files += 1;
    if (files > MAX_FILES) break;
    attempt(() => {
      if (problem !== undefined) throw problem;
      if (node.stat.type === "symlink") void node.target();
      if (node.stat.type !== "file" || bytes > MAX_BYTES) return;
      bytes += readSome(node.contents(), MAX_BYTES - bytes);
    });
    if (files % 8 === 0) attempt(() => void fs.stat(path));
  }
  for (const path of ["/fast/a-longer-name-of-file-1", "/slow/small", "/loop"]) {
    attempt(() => void fs.find(path));
  }
}

/** Reads from the start, up to `most` bytes; returns how many. */
function readSome(reader: BlockReader, most: number): number {
  const end = Math.min(reader.size, most);
  for (let at = 0; at < end; at += buffer.length) {
    reader.read(at, buffer.subarray(0, Math.min(buffer.length, end - at)));
  }
  return Math.max(end, 0);
}

/** Where a look at `bytes` reads what decides where it reads on: small pieces. */
export function placesRead(bytes: Buffer): readonly number[] {
  const inner = new BytesReader(bytes);
  const places = new Set<number>();
  lookAtDisk({
    size: inner.size,
    read(offset, target) {
      inner.read(offset, target);
      if (target.length > 4096) return;
      // Zeros are mostly what nothing looks at.
      for (let at = 0; at < target.length; at += 1) {
        if (target[at] !== 0 || at % 64 === 0) places.add(offset + at);
      }
    },
  });
  return [...places];
}
