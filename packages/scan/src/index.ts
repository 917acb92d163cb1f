export type { Collector } from "./collector.ts";
export { type InventoryRows, inventory, type SectionName } from "./inventory.ts";
export type { Look } from "./look.ts";
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
export type { VisitedFile, Visitor } from "./visitor.ts";
