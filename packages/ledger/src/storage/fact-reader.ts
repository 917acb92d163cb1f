import { CasemateError } from "@casemate/core";
import type { Fact } from "../facts/fact.ts";
import { parseLeaf } from "../facts/leaf.ts";
import { parseSealedBodies, type SealedBody } from "../facts/sealed-body.ts";
import { groupedIndex, TILE_WIDTH } from "../tiles/tile-path.ts";
import { type ReadFile, TreeReader } from "../tiles/tree-reader.ts";

/** The file with the sealed bodies of 256 facts, those of entry bundle `index`. */
export function sealedPath(index: number): string {
  return `sealed/${groupedIndex(index)}`;
}

/** Facts out of a ledger's files, with the sealed bodies that are left. */
export class FactReader {
  readonly tree: TreeReader;
  readonly #readFile: ReadFile;

  constructor(readFile: ReadFile) {
    this.#readFile = readFile;
    this.tree = new TreeReader(readFile);
  }

  /** Fact `index` of a tree of `size`. Throws `ledger/not-found`, `ledger/damaged`. */
  async read(index: number, size: number): Promise<Fact> {
    const leaf = await this.readLeaf(index, size);
    const fact = parseLeaf(leaf, index);
    if (fact.commitments === undefined) return fact;
    return unsealed(fact, await this.readSealedBodies(Math.floor(index / TILE_WIDTH)));
  }

  /** The bytes of fact `index` as they are hashed. Throws `ledger/not-found`, `ledger/damaged`. */
  async readLeaf(index: number, size: number): Promise<Uint8Array> {
    const isThere = Number.isSafeInteger(index) && index >= 0 && index < size;
    const entries = isThere ? await this.tree.readBundle(Math.floor(index / TILE_WIDTH), size) : [];
    const leaf = entries[index % TILE_WIDTH];
    if (leaf === undefined) {
      throw new CasemateError(
        "ledger/not-found",
        `Cannot read fact ${index}: the ledger has ${size} facts, expected one of them.`,
      );
    }
    return leaf;
  }

  /** The facts of one bundle from `from` on, which is in that bundle. Throws `ledger/damaged`. */
  async readBundle(from: number, size: number): Promise<readonly Fact[]> {
    const bundle = Math.floor(from / TILE_WIDTH);
    const entries = await this.tree.readBundle(bundle, size);
    const end = Math.min(entries.length, size - bundle * TILE_WIDTH);
    const facts = entries
      .slice(from % TILE_WIDTH, end)
      .map((entry, i) => parseLeaf(entry, from + i));
    if (facts.every(({ commitments }) => commitments === undefined)) return facts;
    const bodies = await this.readSealedBodies(bundle);
    return facts.map((fact) => unsealed(fact, bodies));
  }

  /** The sealed bodies that are left of a bundle's facts. Throws `ledger/damaged`. */
  async readSealedBodies(bundle: number): Promise<readonly SealedBody[]> {
    const path = sealedPath(bundle);
    const bytes = await this.#readFile(path);
    return bytes === undefined ? [] : parseSealedBodies(bytes.toString("utf8"), path);
  }
}

/** The fact with those of the bodies that are its own. */
function unsealed(fact: Fact, bodies: readonly SealedBody[]): Fact {
  const own = bodies.filter(({ index }) => index === fact.index);
  if (own.length === 0) return fact;
  return { ...fact, sealed: Object.fromEntries(own.map(({ name, body }) => [name, body])) };
}
