import { adviseOn, ecosystemOf } from "../advisories/ecosystem.ts";
import type { AdvisedName, AdvisorySnapshot } from "../advisories/snapshot/advisory-snapshot.ts";
import type { InstalledPackage } from "../packages/installed-package.ts";
import type { OsRelease } from "../system/os-release.ts";
import { mergeHits } from "./merge-hits.ts";
import type { Vulnerability, VulnerabilityFinding } from "./vulnerability-finding.ts";

/** What is installed on a system: a scan's result, or what was stored of one. */
export interface PackageInventory {
  readonly os?: OsRelease;
  readonly packages: readonly InstalledPackage[];
}

/** Packages that nothing can be said of, which is not that they are sound. */
export interface Uncovered {
  /** `null` where no ecosystem is known for them. */
  readonly ecosystem: string | null;
  readonly reason: "no-ecosystem" | "no-advisories" | "no-version";
  readonly packages: number;
}

/** What is known of an inventory's packages. */
export interface InventoryMatch<Inventory extends PackageInventory> {
  readonly inventory: Inventory;
  readonly findings: readonly VulnerabilityFinding[];
  readonly uncovered: readonly Uncovered[];
}

/** The vulnerabilities of each inventory's packages, as the snapshot knows them. Nothing else is read. */
export function matchInventories<Inventory extends PackageInventory>(
  inventories: Iterable<Inventory>,
  snapshot: AdvisorySnapshot,
): readonly InventoryMatch<Inventory>[] {
  const matcher = new PackageMatcher(snapshot);
  return Array.from(inventories, (inventory) => matchInventory(inventory, matcher, snapshot));
}

function matchInventory<Inventory extends PackageInventory>(
  inventory: Inventory,
  matcher: PackageMatcher,
  snapshot: AdvisorySnapshot,
): InventoryMatch<Inventory> {
  const findings: VulnerabilityFinding[] = [];
  const uncovered = new Map<string, { -readonly [Key in keyof Uncovered]: Uncovered[Key] }>();
  const miss = (reason: Uncovered["reason"], ecosystem: string | null) => {
    const known = uncovered.get(`${reason} ${ecosystem}`) ?? { ecosystem, reason, packages: 0 };
    known.packages += 1;
    uncovered.set(`${reason} ${ecosystem}`, known);
  };
  const distribution = ecosystemOf(inventory.os);
  const isAdvised = distribution !== undefined && snapshot.covers(distribution);
  for (const installed of inventory.packages) {
    // Distributions mend old versions: of what they brought along their own advisories tell, if there are any.
    if (isAdvised && isDistributions(installed)) continue;
    const advised = adviseOn(installed, inventory.os);
    if (advised === undefined) {
      miss("no-ecosystem", null);
      continue;
    }
    const { ecosystem, name, version } = advised;
    const known = matcher.match(ecosystem, name, version);
    if (typeof known === "string") miss(known, ecosystem);
    else
      for (const vulnerability of known) findings.push(findingOf(vulnerability, installed, name));
  }
  return { inventory, findings, uncovered: [...uncovered.values()] };
}

/** Where a distribution's packages never have files (FHS 3.0, 3.13 and 4.9): packages that do are of others. */
const ADDED = /^\/(?:opt|usr\/local)\//;

const isDistributions = ({ partOf, from }: InstalledPackage) =>
  partOf !== undefined && !ADDED.test(from);

function findingOf(
  known: Vulnerability,
  installed: InstalledPackage,
  advisedName: string,
): VulnerabilityFinding {
  const { type, name, version, architecture, purl, from } = installed;
  return {
    vulnerability: known.vulnerability,
    advisories: known.advisories,
    severity: known.severity,
    fixed: known.fixed,
    verdict: known.verdict,
    reason: known.reason,
    published: known.published,
    type,
    package: name,
    installed: version,
    architecture: architecture ?? null,
    source: installed.source?.name === advisedName ? advisedName : null,
    purl,
    from,
  };
}

/** More than any estate has of packages, and of versions of one; what hostile inventories make up is not kept. */
const MAX_PACKAGES = 200_000;
const MAX_VERSIONS = 64;

/** Answers for versions of packages, each worked out once. */
class PackageMatcher {
  readonly #snapshot: AdvisorySnapshot;
  readonly #known = new Map<string, Map<string, KnownPackage>>();

  constructor(snapshot: AdvisorySnapshot) {
    this.#snapshot = snapshot;
  }

  match(ecosystem: string, name: string, version: string): Answer {
    const known = this.#find(ecosystem, name);
    if (typeof known === "string") return known;
    if (known.advised === undefined) return NOTHING;
    const answer = known.byVersion.get(version);
    if (answer !== undefined) return answer;
    const worked = this.#work(known.advised, known.byPlace, version);
    if (known.byVersion.size < MAX_VERSIONS) known.byVersion.set(version, worked);
    return worked;
  }

  #find(ecosystem: string, name: string): KnownPackage | "no-advisories" {
    // Two steps, because putting the words together would cost more than both.
    let names = this.#known.get(ecosystem);
    if (names === undefined) {
      if (!this.#snapshot.covers(ecosystem)) return "no-advisories";
      names = new Map();
      this.#known.set(ecosystem, names);
    }
    const known = names.get(name);
    if (known !== undefined) return known;
    const advised = this.#snapshot.find(ecosystem, name);
    const made: KnownPackage = { advised, byVersion: new Map(), byPlace: new Map() };
    if (names.size < MAX_PACKAGES) names.set(name, made);
    return made;
  }

  #work(advised: AdvisedName, byPlace: Map<number, Answer>, version: string): Answer {
    if (!advised.scheme.isVersion(version)) return "no-version";
    const place = this.#snapshot.placeOf(advised, version);
    const known = byPlace.get(place);
    if (known !== undefined) return known;
    const answer = mergeHits(this.#snapshot.hitsAt(advised, place), advised.scheme);
    byPlace.set(place, answer);
    return answer;
  }
}

interface KnownPackage {
  /** `undefined` where no advisory speaks of it. */
  readonly advised: AdvisedName | undefined;
  readonly byVersion: Map<string, Answer>;
  /** No more than advisories name versions of it. */
  readonly byPlace: Map<number, Answer>;
}

type Answer = readonly Vulnerability[] | "no-advisories" | "no-version";

const NOTHING: Answer = [];
