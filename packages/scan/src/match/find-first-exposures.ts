import type { AdvisorySnapshot } from "../advisories/snapshot/advisory-snapshot.ts";
import { matchInventories, type PackageInventory } from "./match-inventories.ts";
import type { VulnerabilityFinding } from "./vulnerability-finding.ts";

/** What was installed in one state of a machine, now or in the past. */
export interface DatedInventory extends PackageInventory {
  /** The state: a node of the machine's history. */
  readonly state: string;
  /** The state's date, ISO 8601. */
  readonly takenAt: string;
}

/** Since when a machine has had a vulnerability. */
export interface FirstExposure {
  readonly vulnerability: string;
  readonly package: string;
  /** The earliest state with a vulnerable version, and its date. */
  readonly firstState: string;
  readonly firstExposedOn: string;
  /** When the first advisory was published; `null` where no feed says. */
  readonly published: string | null;
  /** Since when it was both there and known: the later of the two. */
  readonly knownExposureSince: string;
  /** The finding as the latest state with it has it. */
  readonly latest: VulnerabilityFinding;
  readonly latestState: string;
}

/** A state, and what is known of its packages. */
export interface MatchedState {
  readonly state: string;
  /** The state's date, ISO 8601. */
  readonly takenAt: string;
  readonly findings: readonly VulnerabilityFinding[];
}

/** Since when the states of one machine have had each vulnerability that any of them has; no disk is read. */
export function findFirstExposures(
  states: Iterable<DatedInventory>,
  snapshot: AdvisorySnapshot,
): readonly FirstExposure[] {
  const matches = matchInventories(states, snapshot);
  return joinExposures(
    matches.map(({ inventory: { state, takenAt }, findings }) => ({ state, takenAt, findings })),
  );
}

/** The same of states that were matched already, in whatever order: estates share inventories. */
export function joinExposures(states: Iterable<MatchedState>): readonly FirstExposure[] {
  const exposures = new Map<string, FirstExposure>();
  const inOrder = [...states].sort((a, b) => Date.parse(a.takenAt) - Date.parse(b.takenAt));
  for (const { state, takenAt, findings } of inOrder) {
    for (const finding of findings) {
      const { vulnerability, package: name, published } = finding;
      const key = `${finding.type}/${name}/${vulnerability}`;
      const known = exposures.get(key) ?? {
        vulnerability,
        package: name,
        firstState: state,
        firstExposedOn: takenAt,
        published,
        knownExposureSince: laterOf(takenAt, published),
      };
      exposures.set(key, { ...known, latest: finding, latestState: state });
    }
  }
  return [...exposures.values()];
}

const laterOf = (a: string, b: string | null) =>
  b !== null && Date.parse(b) > Date.parse(a) ? b : a;
