import { formatSealedBodies, parseSealedBodies, type SealedBody } from "../facts/sealed-body.ts";
import { TILE_WIDTH, tilePath } from "../tiles/tile-path.ts";
import type { Tile, TreeEdge } from "../tiles/tree-edge.ts";
import type { DurableFiles } from "./durable-files.ts";
import { type FactReader, sealedPath } from "./fact-reader.ts";
import { type PendingFact, parseRecord, parseRedaction, REDACTED } from "./pending-fact.ts";

/** Files written at a time: what the thread pool takes, and few open descriptors. */
const AT_ONCE = 8;

/** A tree that has grown on disk, though no checkpoint says so yet. */
export interface Grown {
  readonly edge: TreeEdge;
  /** The tiles that became full, whose partial ones are of no more use. */
  readonly full: readonly Tile[];
}

/**
 * Writes the tiles of the tree that `pending` makes of `edge`, and the facts' sealed bodies; takes out what
 * they redact. Doing it again does no harm: the same facts make the same files. Durable after `files.sync()`.
 *
 * Throws `disk/full`, `data/not-writable`, `ledger/damaged`.
 */
export async function integrate(
  files: DurableFiles,
  facts: FactReader,
  edge: TreeEdge,
  pending: readonly PendingFact[],
): Promise<Grown> {
  await writeSealedBodies(files, facts, edge.size, pending);
  const grown = edge.clone();
  for (const { leaf } of pending) grown.add(leaf);
  const full = grown.takeTiles();
  await inParallel([...full, ...grown.partialTiles()], ({ name, bytes }) =>
    files.write(tilePath(name), bytes),
  );
  return { edge: grown, full };
}

/** Takes away the partial tiles that full ones have replaced. */
export async function removePartialTiles(
  files: DurableFiles,
  full: readonly Tile[],
): Promise<void> {
  await inParallel(full, ({ name }) => files.remove(`${tilePath(name)}.p`));
}

async function writeSealedBodies(
  files: DurableFiles,
  facts: FactReader,
  size: number,
  pending: readonly PendingFact[],
): Promise<void> {
  const redacted = new Map<number, readonly string[]>();
  const added = new Map<number, SealedBody[]>();
  const bundles = new Set<number>();
  for (const each of pending) {
    if (each.sealed !== "") {
      const bundle = Math.floor(each.index / TILE_WIDTH);
      const bodies = added.get(bundle) ?? [];
      bodies.push(...parseSealedBodies(each.sealed, `the sealed bodies of fact ${each.index}`));
      added.set(bundle, bodies);
      bundles.add(bundle);
    }
    if (each.kind !== REDACTED) continue;
    const redaction = parseRedaction(parseRecord(each, each.index));
    if (redaction === undefined) continue;
    bundles.add(Math.floor(redaction.index / TILE_WIDTH));
    const names = redacted.get(redaction.index) ?? [];
    redacted.set(redaction.index, [...names, ...redaction.names]);
  }
  await inParallel([...bundles], async (bundle) => {
    // Those of facts beyond the tree were written by an attempt that did not come to its end.
    const kept = (await facts.readSealedBodies(bundle)).filter(({ index }) => index < size);
    const bodies = [...kept, ...(added.get(bundle) ?? [])].filter(
      ({ index, name }) => redacted.get(index)?.includes(name) !== true,
    );
    if (bodies.length === 0) await files.remove(sealedPath(bundle));
    else await files.write(sealedPath(bundle), formatSealedBodies(bodies));
  });
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) {
    const settled = await Promise.allSettled(items.slice(at, at + AT_ONCE).map(work));
    for (const each of settled) if (each.status === "rejected") throw each.reason;
  }
}
