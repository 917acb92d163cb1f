/** Hashes in a full tile, entries in a full bundle (C2SP tlog-tiles, "Merkle Tree"). */
export const TILE_WIDTH = 256;
/** log2 of the width: the rows of the tree that one tile stands for. */
export const TILE_HEIGHT = 8;

/** A tile: its level, its number in the level, and how many hashes it has. `entries` are the leaves themselves. */
export interface TileName {
  readonly level: number | "entries";
  readonly index: number;
  readonly width: number;
}

/** The path of a tile under the log's directory (C2SP tlog-tiles): `tile/0/x001/x234/067.p/8`. */
export function tilePath({ level, index, width }: TileName): string {
  const partial = width === TILE_WIDTH ? "" : `.p/${width}`;
  return `tile/${level}/${groupedIndex(index)}${partial}`;
}

/** A number as path elements of three digits, all but the last beginning with `x`. */
export function groupedIndex(index: number): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g) ?? [];
  return groups.map((group, i) => (i === groups.length - 1 ? group : `x${group}`)).join("/");
}

const namePattern =
  /^tile\/(?<level>entries|0|[1-9]\d?)\/(?<groups>(?:x\d{3}\/)*\d{3})(?:\.p\/(?<width>[1-9]\d{0,2}))?$/;

/** The tile that a path names; `undefined` for a path that names none. */
export function parseTilePath(path: string): TileName | undefined {
  const { level, groups = "", width } = namePattern.exec(path)?.groups ?? {};
  if (level === undefined) return undefined;
  const index = Number(groups.replaceAll(/[x/]/g, ""));
  const name: TileName = {
    level: level === "entries" ? level : Number(level),
    index,
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  // One tile has one path: no further leading zeros, no width of a full tile.
  return tilePath(name) === path ? name : undefined;
}

/** How many hashes the whole tiles and the partial one of `level` hold in a tree of `size` leaves. */
export function levelWidth(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** How many hashes tile `index` of `level` has in a tree of `size` leaves: 256, fewer at the right edge, 0 beyond it. */
export function tileWidth(level: number, index: number, size: number): number {
  return Math.max(0, Math.min(TILE_WIDTH, levelWidth(level, size) - index * TILE_WIDTH));
}
