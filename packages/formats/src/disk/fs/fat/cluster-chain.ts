import type { FindRun } from "../block-run.ts";
import { damaged } from "./fat-error.ts";
import type { FatTable } from "./fat-table.ts";

const FIRST_CLUSTER = 2;
/** Clusters that are looked up at once, so that what follows each other is read at once. */
const AHEAD = 256;

/** Clusters that follow each other on the disk. */
interface Run {
  /** The number of its first cluster in the file. */
  readonly logical: number;
  readonly cluster: number;
  count: number;
}

/**
 * Finds the `clusters` clusters of a file from its `first` on, followed as far as was asked for; "physical" is
 * counted from the first cluster of the disk.
 *
 * HOSTILE: a chain may lead back into itself: where it goes on elsewhere, no two ways lead to one cluster.
 */
export function clusterChain(
  table: FatTable,
  first: number,
  clusters: number,
  what: string,
): FindRun {
  table.verifyCluster(first, what);
  const runs: [Run, ...Run[]] = [{ logical: 0, cluster: first, count: 1 }];
  const jumps = new Set<number>([first]);

  /** Follows the chain to its next cluster. */
  const follow = (last: Run): void => {
    const cluster = last.cluster + last.count - 1;
    const next = table.next(cluster, what);
    if (next === undefined) {
      const seen = `its end after ${last.logical + last.count} clusters`;
      throw damaged(what, seen, `${clusters}`);
    }
    if (next === cluster + 1 && !jumps.has(next)) {
      last.count += 1;
    } else {
      if (jumps.has(next)) throw damaged(what, `cluster ${next} a second time`, "its end");
      jumps.add(next);
      runs.push({ logical: last.logical + last.count, cluster: next, count: 1 });
    }
  };

  return (logical) => {
    const most = Math.min(logical + AHEAD, clusters);
    for (let last = runs.at(-1); last !== undefined; last = runs.at(-1)) {
      const known = last.logical + last.count;
      if (known >= most || (known > logical && logical < last.logical)) break;
      follow(last);
    }
    const run = findRun(runs, logical);
    const skipped = logical - run.logical;
    return { physical: run.cluster - FIRST_CLUSTER + skipped, count: run.count - skipped };
  };
}

/** The run that holds cluster `logical` of the file. */
function findRun(runs: readonly [Run, ...Run[]], logical: number): Run {
  let [low, high] = [0, runs.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((runs[middle]?.logical ?? 0) <= logical) low = middle;
    else high = middle - 1;
  }
  return runs[low] ?? runs[0];
}
