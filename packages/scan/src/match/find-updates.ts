import { ecosystemOf } from "../advisories/ecosystem.ts";
import type { AdvisorySnapshot } from "../advisories/snapshot/advisory-snapshot.ts";
import { debVersions } from "../versions/deb-versions.ts";
import type { PackageInventory } from "./match-inventories.ts";

/** An installed package of which the distribution's archive has a newer version. */
export interface PendingUpdate {
  readonly package: string;
  readonly architecture: string | null;
  readonly installed: string;
  readonly available: string;
  /** The suite that has it: `Debian bookworm-security`. */
  readonly suite: string;
  readonly source: string;
  readonly purl: string;
}

/**
 * The installed Debian packages that the snapshot's suites have a newer version of; `undefined` where it has no
 * suite for this system. No advisory is needed: what a security suite offers and is not installed is missing.
 */
export function findUpdates(
  { os, packages }: PackageInventory,
  snapshot: AdvisorySnapshot,
): readonly PendingUpdate[] | undefined {
  const ecosystem = ecosystemOf(os);
  if (ecosystem === undefined || !snapshot.coversUpdates(ecosystem)) return undefined;
  const updates: PendingUpdate[] = [];
  for (const { type, name, version, architecture, purl } of packages) {
    if (type !== "deb" || !debVersions.isVersion(version)) continue;
    const available = snapshot.findUpdate(ecosystem, name, architecture ?? "all");
    if (available === undefined || debVersions.compare(available.version, version) <= 0) continue;
    updates.push({
      package: name,
      architecture: architecture ?? null,
      installed: version,
      available: available.version,
      suite: available.suite,
      source: available.source.name,
      purl,
    });
  }
  return updates;
}
