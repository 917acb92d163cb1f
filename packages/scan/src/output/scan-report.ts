import type { InventoryRows } from "../inventory-tables.ts";
import type { InventoryMatch, PackageInventory } from "../match/match-inventories.ts";
import type { SystemScan } from "../scan.ts";
import type { Finding } from "./finding.ts";
import type { FindingRows } from "./findings-of.ts";

/** What documents for other programs are made of: a scan, what follows from it, and who made it. */
export interface ScanReport extends SystemScan<Pick<InventoryRows, "packages"> & FindingRows> {
  /** What was scanned: the VM, or the files of its disks. */
  readonly subject: string;
  readonly takenAt: Date;
  /** The version of Casemate that looked. */
  readonly version: string;
  /** The vulnerabilities of its packages; absent where nobody asked for any, which is not that it has none. */
  readonly vulnerabilities?: Pick<InventoryMatch<PackageInventory>, "findings" | "uncovered">;
  /** What else was found; absent where nothing was looked for. */
  readonly findings?: readonly Finding[];
}
