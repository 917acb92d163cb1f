import { adviseOn } from "../advisories/ecosystem.ts";
import type { AdvisorySnapshot } from "../advisories/snapshot/advisory-snapshot.ts";
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
  return Array.from(inventories, (inventory) => matchInventory(inventory, matcher));
}

function matchInventory<Inventory extends PackageInventory>(
  inventory: Inventory,
  matcher: PackageMatcher,
): InventoryMatch<Inventory> {
  const findings: VulnerabilityFinding[] = [];
  const uncovered = new Map<string, { -readonly [Key in keyof Uncovered]: Uncovered[Key] }>();
  const miss = (reason: Uncovered["reason"], ecosystem: string | null) => {
    const known = uncovered.get(`${reason} ${ecosystem}`) ?? { ecosystem, reason, packages: 0 };
    known.packages += 1;
    uncovered.set(`${reason} ${ecosystem}`, known);
  };
  for (const installed of inventory.packages) {
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

/** More versions than any estate has; what a hostile inventory makes up is not kept. */
const MAX_REMEMBERED = 1_000_000;

/** Answers for versions of packages, each worked out once. */
class PackageMatcher {
  readonly #snapshot: AdvisorySnapshot;
  readonly #answers = new Map<string, Map<string, Map<string, Answer>>>();
  #remembered = 0;

  constructor(snapshot: AdvisorySnapshot) {
    this.#snapshot = snapshot;
  }

  match(ecosystem: string, name: string, version: string): Answer {
    // Three steps, because putting the words together would cost more than all of them.
    const byVersion = childOf(childOf(this.#answers, ecosystem), name);
    const known = byVersion.get(version);
    if (known !== undefined) return known;
    const answer = this.#work(ecosystem, name, version);
    if (this.#remembered < MAX_REMEMBERED) byVersion.set(version, answer);
    this.#remembered += 1;
    return answer;
  }

  #work(ecosystem: string, name: string, version: string): Answer {
    if (!this.#snapshot.covers(ecosystem)) return "no-advisories";
    const advised = this.#snapshot.find(ecosystem, name);
    if (advised === undefined) return [];
    if (!advised.scheme.isVersion(version)) return "no-version";
    return mergeHits(this.#snapshot.hits(advised, version), advised.scheme);
  }
}

type Answer = readonly Vulnerability[] | "no-advisories" | "no-version";

function childOf<Value>(parent: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  const known = parent.get(key);
  if (known !== undefined) return known;
  const made = new Map<string, Value>();
  parent.set(key, made);
  return made;
}
