import {
  type FirstExposure,
  joinExposures,
  matchInventories,
  type OpenedSnapshot,
  type PackageInventory,
  type Uncovered,
} from "@casemate/scan";
import type { VmResource } from "../spine/gate.ts";
import type { StoredUses } from "./package-uses.ts";
import type { StoredState } from "./scanned-states.ts";

/** What a VM has had of known vulnerabilities, in any of its states. */
export interface VmExposures {
  readonly vm: VmResource;
  readonly exposures: readonly FirstExposure[];
  /** Packages of its states that nothing can be said of, and states that were not seen whole. */
  readonly uncovered: readonly Uncovered[];
  readonly incomplete: readonly string[];
  /** How the packages of its own disks, as they were last seen, were used; where that was looked at. */
  readonly uses: StoredUses | undefined;
}

/** The VM's own disks as they were last seen. */
export const currentState = "current";

/** Since when each VM has had each vulnerability, by what was stored; each inventory is matched once. */
export function findExposures(
  states: readonly StoredState[],
  inventories: ReadonlyMap<string, PackageInventory>,
  { snapshot }: OpenedSnapshot,
): readonly VmExposures[] {
  const keys = [...new Set(states.map(({ inventory }) => inventory))];
  const known = keys.flatMap((key) => {
    const inventory = inventories.get(key);
    return inventory === undefined ? [] : [{ ...inventory, key }];
  });
  const matches = new Map(
    matchInventories(known, snapshot).map((match) => [match.inventory.key, match]),
  );
  const byVm = Map.groupBy(states, ({ resource: { host, uuid } }) => `${host}/${uuid}`);
  return [...byVm.values()].flatMap((own) => {
    const vm = own.at(-1)?.resource; // as it was last seen
    if (vm === undefined) return [];
    const newest = own.findLast(({ snapshot }) => snapshot === undefined);
    const named = own.map((state) => ({
      state: nameOf(state, state === newest),
      takenAt: state.firstAt,
      findings: matches.get(state.inventory)?.findings ?? [],
    }));
    return [
      {
        vm,
        uses: newest?.uses,
        exposures: joinExposures(named),
        uncovered: own.flatMap(({ inventory }) => matches.get(inventory)?.uncovered ?? []),
        incomplete: named.flatMap(({ state }, i) => ((own[i]?.missed ?? 0) > 0 ? [state] : [])),
      },
    ];
  });
}

/** What the VM's own disks once were is another state than what they are. */
function nameOf({ snapshot, lastAt }: StoredState, isNewest: boolean): string {
  if (snapshot !== undefined) return `snapshot ${snapshot}`;
  return isNewest ? currentState : `until ${lastAt}`;
}
