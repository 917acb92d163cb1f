import { toCasemateError } from "@casemate/core";
import { HASH_LENGTH, leafHash, subtreeHash } from "../merkle/hashes.ts";
import { treeRoot } from "../merkle/tree-root.ts";
import type { Checkpoint } from "../notes/checkpoint.ts";
import { parseEntryBundle } from "../tiles/entry-bundle.ts";
import {
  parseTilePath,
  TILE_WIDTH,
  type TileName,
  tilePath,
  tileWidth,
} from "../tiles/tile-path.ts";
import { splitHashes } from "../tiles/tree-edge.ts";
import type { ReadFile } from "../tiles/tree-reader.ts";
import type { Report } from "./damage.ts";

/** What the tree's files say, as far as they can be believed. */
export interface CheckedTree {
  /** The entries under the checkpoint; `undefined` where one is not there as it was recorded. */
  readonly entries: readonly (Uint8Array | undefined)[];
  /** The leaf hashes, those of facts beyond the checkpoint too. */
  readonly hashes: readonly Uint8Array[];
}

/**
 * Checks every file under `tile/` against all others and the checkpoint: from the entries, or where those are
 * damaged from the lowest tiles, the whole tree is made again.
 */
export async function checkTree(
  readFile: ReadFile,
  files: ReadonlySet<string>,
  checkpoint: Checkpoint,
  pending: readonly Uint8Array[],
  report: Report,
): Promise<CheckedTree> {
  const { size, root } = checkpoint;
  const entries: (Uint8Array | undefined)[] = [];
  const hashes: Uint8Array[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = tileWidth(0, index, size);
    const bundle = await readBundle(readFile, { level: "entries", index, width });
    const tile = await readHashes(readFile, { level: 0, index, width });
    const fromEntries = bundle?.map((entry) => leafHash(entry));
    const above = await readHashes(readFile, {
      level: 1,
      index: Math.floor(index / TILE_WIDTH),
      width: tileWidth(1, Math.floor(index / TILE_WIDTH), size),
    });
    const isRight = (candidate: readonly Uint8Array[]) =>
      width === TILE_WIDTH
        ? isEqual(subtreeHash(Buffer.concat(candidate)), above?.[index % TILE_WIDTH])
        : isEqual(treeRoot([...hashes, ...candidate]), root);
    const believed =
      [fromEntries, tile].find((each) => each !== undefined && isRight(each)) ??
      fromEntries ??
      tile ??
      Array.from({ length: width }, () => new Uint8Array(HASH_LENGTH));
    hashes.push(...believed);
    for (let i = 0; i < width; i += 1) {
      entries.push(isEqual(believed[i] ?? root, fromEntries?.[i]) ? bundle?.[i] : undefined);
    }
  }
  if (!isEqual(treeRoot(hashes), root)) {
    report("checkpoint", "Its root hash is not that of the facts.", "line 3");
  }
  hashes.push(...pending.map((leaf) => leafHash(leaf)));
  await checkTileFiles(readFile, files, size, hashes, report);
  return { entries, hashes };
}

async function checkTileFiles(
  readFile: ReadFile,
  files: ReadonlySet<string>,
  size: number,
  hashes: readonly Uint8Array[],
  report: Report,
): Promise<void> {
  const levels = [hashes];
  for (let level = hashes; level.length >= TILE_WIDTH; ) {
    const above: Uint8Array[] = [];
    for (let at = 0; at + TILE_WIDTH <= level.length; at += TILE_WIDTH) {
      above.push(subtreeHash(Buffer.concat(level.slice(at, at + TILE_WIDTH))));
    }
    levels.push(above);
    level = above;
  }
  for (const name of neededTiles(size, levels.length)) {
    if (![name, { ...name, width: TILE_WIDTH }].some((each) => files.has(tilePath(each)))) {
      report(tilePath(name), "The file is missing.");
    }
  }
  for (const path of files) {
    if (!path.startsWith("tile/")) continue;
    const name = parseTilePath(path);
    const level =
      name === undefined ? undefined : levels[name.level === "entries" ? 0 : name.level];
    const first = (name?.index ?? 0) * TILE_WIDTH;
    if (name === undefined || level === undefined || first + name.width > level.length) {
      report(path, "No such file belongs to a ledger of this size.");
      continue;
    }
    const bytes = await readFile(path);
    if (bytes === undefined) continue;
    const expected = level.slice(first, first + name.width);
    if (name.level === "entries") checkBundle(path, bytes, expected, first, report);
    else checkTile(path, bytes, expected, report);
  }
}

function checkBundle(
  path: string,
  bytes: Uint8Array,
  expected: readonly Uint8Array[],
  first: number,
  report: Report,
): void {
  let entries: readonly Uint8Array[];
  try {
    entries = parseEntryBundle(bytes, expected.length, path);
  } catch (thrown) {
    report(
      path,
      toCasemateError(thrown).message,
      `facts ${first} to ${first + expected.length - 1}`,
    );
    return;
  }
  for (const [i, entry] of entries.entries()) {
    if (isEqual(leafHash(entry), expected[i])) continue;
    report(path, "The fact is not the one that the tree has.", `entry ${i} (fact ${first + i})`);
  }
}

function checkTile(
  path: string,
  bytes: Uint8Array,
  expected: readonly Uint8Array[],
  report: Report,
): void {
  if (bytes.length !== expected.length * HASH_LENGTH) {
    report(path, `It has ${bytes.length} bytes instead of ${expected.length * HASH_LENGTH}.`);
    return;
  }
  for (const [i, hash] of splitHashes(bytes).entries()) {
    if (isEqual(hash, expected[i])) continue;
    report(path, "The hash is not the one of the facts below it.", `byte ${i * HASH_LENGTH}`);
  }
}

/** The tiles that a log of this size must have (C2SP tlog-tiles, "Partial Tiles"). */
function* neededTiles(size: number, levels: number): Generator<TileName> {
  for (let level = 0; level < levels; level += 1) {
    for (let index = 0; tileWidth(level, index, size) > 0; index += 1) {
      const width = tileWidth(level, index, size);
      yield { level, index, width };
      if (level === 0) yield { level: "entries", index, width };
    }
  }
}

async function readHashes(
  readFile: ReadFile,
  name: TileName,
): Promise<readonly Uint8Array[] | undefined> {
  for (const width of new Set([name.width, TILE_WIDTH])) {
    const bytes = await readFile(tilePath({ ...name, width }));
    if (bytes?.length === width * HASH_LENGTH) return splitHashes(bytes).slice(0, name.width);
  }
  return undefined;
}

async function readBundle(
  readFile: ReadFile,
  name: TileName,
): Promise<readonly Uint8Array[] | undefined> {
  for (const width of new Set([name.width, TILE_WIDTH])) {
    const path = tilePath({ ...name, width });
    const bytes = await readFile(path);
    if (bytes === undefined) continue;
    try {
      return parseEntryBundle(bytes, width, path).slice(0, name.width);
    } catch {
      return undefined; // the file itself is checked later, and reported then
    }
  }
  return undefined;
}

function isEqual(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}
