import { emptyRoot, HASH_LENGTH, leafHash, nodeHash, subtreeHash } from "../merkle/hashes.ts";
import { formatEntryBundle } from "./entry-bundle.ts";
import { TILE_WIDTH, type TileName } from "./tile-path.ts";

/** A tile with its bytes. */
export interface Tile {
  readonly name: TileName;
  readonly bytes: Uint8Array;
}

/** The right edge of a tree: its partial tiles, which is all that is needed to grow it. */
export class TreeEdge {
  #size: number;
  /** The partial tile of each level, 0 to 255 hashes. */
  readonly #hashes: Uint8Array[][];
  /** The entries of the partial bundle. */
  #entries: Uint8Array[];
  /** Tiles that became full since `takeTiles`. */
  #full: Tile[] = [];

  constructor(size = 0, hashes: readonly Uint8Array[][] = [], entries: readonly Uint8Array[] = []) {
    this.#size = size;
    this.#hashes = hashes.map((level) => [...level]);
    this.#entries = [...entries];
  }

  get size(): number {
    return this.#size;
  }

  clone(): TreeEdge {
    return new TreeEdge(this.#size, this.#hashes, this.#entries);
  }

  /** Adds an entry as the next leaf. */
  add(entry: Uint8Array): void {
    this.#entries.push(entry);
    if (this.#entries.length === TILE_WIDTH) {
      const index = Math.floor(this.#size / TILE_WIDTH);
      this.#full.push(tileOf("entries", index, TILE_WIDTH, formatEntryBundle(this.#entries)));
      this.#entries = [];
    }
    this.#push(0, leafHash(entry), this.#size);
    this.#size += 1;
  }

  /** Adds hash number `index` to a level; a tile that it fills becomes a hash of the level above. */
  #push(level: number, hash: Uint8Array, index: number): void {
    const hashes = this.#hashes[level] ?? [];
    this.#hashes[level] = hashes;
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const bytes = Buffer.concat(hashes);
    const above = Math.floor(index / TILE_WIDTH);
    this.#full.push(tileOf(level, above, TILE_WIDTH, bytes));
    hashes.length = 0;
    this.#push(level + 1, subtreeHash(bytes), above);
  }

  /** The hash over all leaves (RFC 6962, 2.1: MTH). */
  root(): Uint8Array {
    let root: Uint8Array | undefined;
    for (const hashes of this.#hashes) {
      // The full subtrees within a partial tile, the rightmost and smallest first.
      for (let count = 1, end = hashes.length; end > 0; count *= 2) {
        if ((end & count) === 0) continue;
        const subtree = subtreeHash(Buffer.concat(hashes.slice(end - count, end)));
        root = root === undefined ? subtree : nodeHash(subtree, root);
        end -= count;
      }
    }
    return root ?? emptyRoot;
  }

  /** The tiles that became full since the last call. */
  takeTiles(): readonly Tile[] {
    const tiles = this.#full;
    this.#full = [];
    return tiles;
  }

  /** The tiles at the edge that are not full: the tree's own, and the entries' bundle. */
  partialTiles(): readonly Tile[] {
    const tiles = this.#hashes.map((hashes, level) =>
      tileOf(
        level,
        Math.floor(Math.floor(this.#size / TILE_WIDTH ** level) / TILE_WIDTH),
        hashes.length,
        Buffer.concat(hashes),
      ),
    );
    const { length } = this.#entries;
    const index = Math.floor(this.#size / TILE_WIDTH);
    tiles.push(tileOf("entries", index, length, formatEntryBundle(this.#entries)));
    return tiles.filter(({ name }) => name.width > 0);
  }
}

/** The hashes of a tile, one by one. */
export function splitHashes(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / HASH_LENGTH }, (_, i) =>
    bytes.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH),
  );
}

function tileOf(level: number | "entries", index: number, width: number, bytes: Uint8Array): Tile {
  return { name: { level, index, width }, bytes };
}
