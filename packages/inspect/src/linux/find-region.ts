/** Addresses `[start, end)`. */
export interface AddressRegion {
  readonly start: bigint;
  readonly end: bigint;
}

/** Regions in the order of their addresses, as `findRegion` wants them. */
export function sortRegions<Region extends AddressRegion>(
  regions: Iterable<Region>,
): readonly Region[] {
  return [...regions].sort((one, other) => (one.start < other.start ? -1 : 1));
}

/** The last of sorted `regions` that starts at or before `address`, if it holds it. */
export function findRegion<Region extends AddressRegion>(
  regions: readonly Region[],
  address: bigint,
): Region | undefined {
  let low = 0;
  let high = regions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((regions[middle]?.start ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  const region = regions[low - 1];
  return region !== undefined && address < region.end ? region : undefined;
}
