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
export type { RowChange } from "./diff/compare-rows.ts";
export type { DiffedState, DiffOptions, SystemDiff } from "./diff/diff-systems.ts";
export type { FileAspect, FileChange, FileState } from "./diff/file-change.ts";
export type { FileEvent, MetadataChanges } from "./follow/file-event.ts";
export { type ByteRange, RangeSet } from "./follow/range-set.ts";
export { SystemIndex } from "./follow/system-index.ts";
export { type TreeChanges, TreeIndex } from "./follow/tree-index.ts";
export type { Baseline, BaselineFile } from "./integrity/baseline.ts";
export { inventory } from "./inventory.ts";
export type { InventoryRows, SectionName } from "./inventory-tables.ts";
export type { Look } from "./look.ts";
export type { MalwareHit } from "./malware/malware-hit.ts";
export { type ClamVerdict, scanWithClamd } from "./malware/scan-with-clamd.ts";
export type { YaraRuleFile } from "./malware/yara-rule-files.ts";
export {
  type DatedInventory,
  type FirstExposure,
  findFirstExposures,
  joinExposures,
  type MatchedState,
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
export { type DocumentFormat, documentFormats } from "./output/document-formats.ts";
export type { Finding, FindingKind, FindingRule } from "./output/finding.ts";
export { formatDocument } from "./output/format-document.ts";
export type { ScanReport } from "./output/scan-report.ts";
export type { InstalledPackage, PackageType } from "./packages/installed-package.ts";
export type { KernelState } from "./running/kernel-states.ts";
export { missedInMemory } from "./running/missed-in-memory.ts";
export type { OutdatedProgram } from "./running/outdated-programs.ts";
export type { PackageUse, PackageUseState, UsingProcess } from "./running/package-use.ts";
export { packageUseFinder, type UsedPackage } from "./running/package-use-finder.ts";
export type { Endpoint, ProcessEvidence } from "./running/process-evidence.ts";
export type {
  FileMapping,
  ListeningSocket,
  MemoryGap,
  MemoryRows,
  MountedDevice,
  RunningKernel,
  RunningMemory,
  RunningProcess,
} from "./running/running-memory.ts";
export { runningSections } from "./running/running-sections.ts";
export type { RunningRows } from "./running/running-tables.ts";
export { type ScanOptions, type SystemScan, scanSystem } from "./scan.ts";
export type { Secret } from "./secrets/secret.ts";
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
