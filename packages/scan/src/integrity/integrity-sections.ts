import type { Sections } from "../section.ts";
import { type IntegrityRows, integrityTables } from "./integrity-tables.ts";
import { packageFiles } from "./package-files.ts";
import { unownedPrograms } from "./unowned-programs.ts";

/** What is not as the system's packages have it. */
export const integritySections: Sections<IntegrityRows> = {
  packageFiles: { ...integrityTables.packageFiles, surveys: [packageFiles] },
  unownedPrograms: { ...integrityTables.unownedPrograms, informed: [unownedPrograms] },
};
