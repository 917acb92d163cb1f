import { CasemateError } from "@casemate/core";
import type { InventoryMatch, PackageInventory, SystemScan } from "@casemate/scan";

/** What advisories say of a scan's packages, the worst first, and which advisories these were. */
export interface ScanVulnerabilities
  extends Pick<InventoryMatch<PackageInventory>, "findings" | "uncovered"> {
  /** The snapshot of advisories: its SHA-256, and when it was made, ISO 8601. */
  readonly advisories: { readonly sha256: string; readonly created: string };
}

/** Tells of a scan's packages; `undefined` where none were looked for. */
export type AdvisoryMatcher = (
  scan: Pick<
    SystemScan<{ readonly packages: PackageInventory["packages"][number] }>,
    "os" | "found"
  >,
) => ScanVulnerabilities | undefined;

/**
 * Reads and verifies a snapshot of advisories that `casemate advisories` made in this data directory: all that
 * matching needs, for before privileges are dropped.
 *
 * @param file the snapshot; `true` for the one that is there now. Throws `usage`, `feed/untrusted`, `feed/malformed`.
 */
export async function readAdvisories(
  file: string | true,
  dataDirectory: string,
): Promise<AdvisoryMatcher> {
  const [{ AdvisoryStore }, { matchInventories, severityLevels }] = await Promise.all([
    import("@casemate/control/advisory-store"),
    import("@casemate/scan"),
  ]);
  const store = new AdvisoryStore(dataDirectory);
  const opened = await (file === true ? store.snapshot() : store.read(file));
  if (opened === undefined) {
    const place = file === true ? `in ${dataDirectory}` : `at ${file}`;
    throw new CasemateError("usage", `Cannot scan: no advisories are ${place}, expected some.`, {
      next: "Import a feed of them: `casemate advisories import FILE`.",
    });
  }
  const { manifest, snapshot } = opened;
  const { sha256, created } = manifest;
  return ({ os, found: { packages } }) => {
    if (packages === undefined) return undefined;
    const inventory = { ...(os === undefined ? {} : { os }), packages };
    const [match] = matchInventories([inventory], snapshot);
    const { findings = [], uncovered = [] } = match ?? {};
    const rank = ({ severity }: (typeof findings)[number]) =>
      severityLevels.indexOf(severity?.level ?? "unknown");
    const worstFirst = findings.toSorted((a, b) => rank(b) - rank(a));
    return { advisories: { sha256, created }, findings: worstFirst, uncovered };
  };
}
