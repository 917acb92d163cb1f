import { CasemateError } from "@casemate/core";
import { emptyRoot, HASH_LENGTH, leafHash, nodeHash, subtreeHash } from "../merkle/hashes.ts";
import {
  type LeafRange,
  planConsistency,
  planInclusion,
  type SubtreePosition,
  splitRange,
} from "../merkle/plan-proof.ts";
import { parseEntryBundle } from "./entry-bundle.ts";
import {
  levelWidth,
  TILE_HEIGHT,
  TILE_WIDTH,
  type TileName,
  tilePath,
  tileWidth,
} from "./tile-path.ts";
import { splitHashes, TreeEdge } from "./tree-edge.ts";

/** Reads a file under the log's directory; `undefined` if it is not there. */
export type ReadFile = (path: string) => Promise<Buffer | undefined>;

/** Tiles and bundles kept in memory: 2 MiB of hashes, and facts of a few hundred bytes each. */
const CACHED = { tiles: 256, bundles: 16 };

/** Hashes, entries and proofs out of a log's tiles. Each call says for which size of the tree. */
export class TreeReader {
  readonly #readFile: ReadFile;
  readonly #tiles = new Map<string, Uint8Array>();
  readonly #reading = new Map<string, Promise<Uint8Array>>();
  readonly #bundles = new Map<number, readonly Uint8Array[]>();

  constructor(readFile: ReadFile) {
    this.#readFile = readFile;
  }

  /** The root of the tree of the first `size` leaves. Throws `ledger/damaged`. */
  async readRoot(size: number): Promise<Uint8Array> {
    return size === 0 ? emptyRoot : await this.#readRange({ start: 0, end: size }, size);
  }

  /** The audit path of a leaf (RFC 6962, 2.1.1). Throws `ledger/not-found`, `ledger/damaged`. */
  async proveInclusion(index: number, size: number): Promise<readonly Uint8Array[]> {
    if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) {
      throw new CasemateError(
        "ledger/not-found",
        `Cannot prove fact ${index}: the tree has ${size} facts, expected one of them.`,
      );
    }
    return await this.#readRanges(planInclusion(index, size), size);
  }

  /** What proves that the tree of `from` leaves is the beginning of the one of `to` (RFC 6962, 2.1.2). */
  async proveConsistency(from: number, to: number): Promise<readonly Uint8Array[]> {
    if (!(Number.isSafeInteger(from) && from >= 0 && from <= to)) {
      throw new CasemateError(
        "ledger/not-found",
        `Cannot prove consistency from size ${from} to ${to}: expected an earlier size of this tree.`,
      );
    }
    return from === 0 ? [] : await this.#readRanges(planConsistency(from, to), to);
  }

  /** The entries of a bundle, each as the leaf hashes say. Throws `ledger/damaged`. */
  async readBundle(index: number, size: number): Promise<readonly Uint8Array[]> {
    const width = tileWidth(0, index, size);
    const cached = this.#bundles.get(index);
    if (cached !== undefined && cached.length >= width) return cached;
    const { bytes, name } = await this.#readWidest({ level: "entries", index, width });
    const entries = parseEntryBundle(bytes, name.width, tilePath(name));
    const hashes = await this.#readTile(0, index, size);
    for (let i = 0; i < width; i += 1) {
      const hash = hashes.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH);
      if (leafHash(entries[i] ?? new Uint8Array()).equals(hash)) continue;
      throw new CasemateError(
        "ledger/damaged",
        `Cannot read fact ${index * TILE_WIDTH + i} in ${tilePath(name)}: its hash is not the one in the tree, expected it as it was recorded.`,
      );
    }
    remember(this.#bundles, index, entries, CACHED.bundles);
    return entries;
  }

  /** The right edge of the tree, to grow it from. Throws `ledger/damaged`. */
  async readEdge(size: number): Promise<TreeEdge> {
    const hashes: Uint8Array[][] = [];
    for (let level = 0; levelWidth(level, size) > 0; level += 1) {
      const index = Math.floor(levelWidth(level, size) / TILE_WIDTH);
      const width = tileWidth(level, index, size);
      const bytes = width === 0 ? new Uint8Array() : await this.#readTile(level, index, size);
      hashes.push(splitHashes(bytes.subarray(0, width * HASH_LENGTH)));
    }
    const partial = size % TILE_WIDTH;
    const entries = partial === 0 ? [] : await this.readBundle(Math.floor(size / TILE_WIDTH), size);
    return new TreeEdge(size, hashes, entries.slice(0, partial));
  }

  async #readRanges(ranges: readonly LeafRange[], size: number): Promise<readonly Uint8Array[]> {
    return await Promise.all(ranges.map((range) => this.#readRange(range, size)));
  }

  async #readRange(range: LeafRange, size: number): Promise<Uint8Array> {
    const positions = splitRange(range);
    const parts = await Promise.all(positions.map((at) => this.#readSubtree(at, size)));
    return parts.reduceRight((right, left) => nodeHash(left, right));
  }

  async #readSubtree({ height, index }: SubtreePosition, size: number): Promise<Uint8Array> {
    const level = Math.floor(height / TILE_HEIGHT);
    const count = 2 ** (height % TILE_HEIGHT);
    const first = index * count;
    const bytes = await this.#readTile(level, Math.floor(first / TILE_WIDTH), size);
    const at = (first % TILE_WIDTH) * HASH_LENGTH;
    return subtreeHash(bytes.subarray(at, at + count * HASH_LENGTH));
  }

  /** A tile with at least the hashes that it has in a tree of `size` leaves. */
  async #readTile(level: number, index: number, size: number): Promise<Uint8Array> {
    const width = tileWidth(level, index, size);
    const key = `${level}/${index}`;
    const cached = this.#tiles.get(key);
    if (cached !== undefined && cached.length >= width * HASH_LENGTH) {
      remember(this.#tiles, key, cached, CACHED.tiles);
      return cached;
    }
    // A proof needs several hashes of one tile at the same time: it is read once.
    const reading = `${key}/${width}`;
    const shared = this.#reading.get(reading) ?? this.#readFresh({ level, index, width });
    this.#reading.set(reading, shared);
    try {
      const bytes = await shared;
      remember(this.#tiles, key, bytes, CACHED.tiles);
      return bytes;
    } finally {
      this.#reading.delete(reading);
    }
  }

  async #readFresh(wanted: TileName): Promise<Uint8Array> {
    const { bytes, name } = await this.#readWidest(wanted);
    if (bytes.length === name.width * HASH_LENGTH) return bytes;
    throw new CasemateError(
      "ledger/damaged",
      `Cannot read ${tilePath(name)}: it has ${bytes.length} bytes, expected ${name.width * HASH_LENGTH}.`,
    );
  }

  /** A partial tile, or the full one where the log has taken the partial one away since (C2SP tlog-tiles, "Partial Tiles"). */
  async #readWidest(name: TileName): Promise<{ bytes: Buffer; name: TileName }> {
    for (const width of new Set([name.width, TILE_WIDTH])) {
      const bytes = await this.#readFile(tilePath({ ...name, width }));
      if (bytes !== undefined) return { bytes, name: { ...name, width } };
    }
    throw new CasemateError(
      "ledger/damaged",
      `Cannot read ${tilePath(name)}: it is not there, expected a file of the ledger.`,
    );
  }
}

/** Keeps a value as the newest, and forgets the oldest beyond `limit`. */
function remember<K, V>(cache: Map<K, V>, key: K, value: V, limit: number): void {
  cache.delete(key);
  cache.set(key, value);
  for (const oldest of cache.keys()) {
    if (cache.size <= limit) break;
    cache.delete(oldest);
  }
}
