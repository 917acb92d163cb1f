export {
  type Advisory,
  type DistributionVerdict,
  type ParsedFeed,
  type VersionRange,
  verdicts,
} from "./advisories/advisory.ts";
export {
  type ArchiveSource,
  archiveAtUrl,
  archiveInDirectory,
} from "./advisories/archive/archive-source.ts";
export {
  type ArchiveSuite,
  readArchiveSuite,
  type SuiteOptions,
} from "./advisories/archive/read-archive-suite.ts";
export { type FetchedFeed, type FetchOptions, fetchFeed } from "./advisories/fetch-feed.ts";
export { type FeedFormat, readFeed } from "./advisories/read-feed.ts";
export { type Severity, type SeverityLevel, severityLevels } from "./advisories/severity.ts";
export type { AdvisorySnapshot } from "./advisories/snapshot/advisory-snapshot.ts";
export {
  type OpenedSnapshot,
  readSnapshot,
  type SnapshotManifest,
  type SnapshotSigner,
  type SnapshotVerifier,
  writeSnapshot,
} from "./advisories/snapshot/signed-snapshot.ts";
export { type FeedSummary, SnapshotBuilder } from "./advisories/snapshot/snapshot-builder.ts";
export type { Collector } from "./collector.ts";
export { type InventoryRows, inventory, type SectionName } from "./inventory.ts";
export type { Look } from "./look.ts";
export {
  type DatedInventory,
  type FirstExposure,
  findFirstExposures,
} from "./match/find-first-exposures.ts";
export { findUpdates, type PendingUpdate } from "./match/find-updates.ts";
export {
  type InventoryMatch,
  matchInventories,
  type PackageInventory,
  type Uncovered,
} from "./match/match-inventories.ts";
export type { VulnerabilityFinding } from "./match/vulnerability-finding.ts";
export type { Missed } from "./missed.ts";
export type { InstalledPackage, PackageType } from "./packages/installed-package.ts";
export { type ScanOptions, type SystemScan, scanSystem } from "./scan.ts";
export {
  type Found,
  type Section,
  type SectionColumn,
  type Sections,
  sectionNames,
} from "./section.ts";
export type { Amount, Coverage } from "./system/coverage.ts";
export type { VolumeDescription } from "./system/describe-volume.ts";
export type { OsRelease } from "./system/os-release.ts";
export type { SystemDisk } from "./system/system-disk.ts";
export { type VersionScheme, versionSchemes } from "./versions/version-scheme.ts";
export type { VisitedFile, Visitor } from "./visitor.ts";
