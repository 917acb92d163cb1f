import { markOwned } from "../integrity/mark-owned.ts";
import { inventoryTables } from "../inventory-tables.ts";
import type { Section } from "../section.ts";
import { apk } from "./apk.ts";
import { dpkg } from "./dpkg.ts";
import type { InstalledPackage } from "./installed-package.ts";
import { nodePackages } from "./languages/node-packages.ts";
import { programPackages } from "./languages/program-packages.ts";
import { pythonPackages } from "./languages/python-packages.ts";
import { rpm } from "./rpm/rpm.ts";

/** What finds packages: for who asks for nothing else, all of an inventory takes as long to load as to scan. */
export const packagesSection: Section<InstalledPackage> = {
  ...inventoryTables.packages,
  collectors: [dpkg, rpm, apk],
  visitors: [pythonPackages, nodePackages, programPackages],
  refine: markOwned,
};
