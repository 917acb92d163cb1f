import type { Sections } from "../section.ts";
import type { ChangedFile } from "./package-files.ts";
import type { UnownedProgram } from "./unowned-programs.ts";

export interface IntegrityRows {
  readonly packageFiles: ChangedFile;
  readonly unownedPrograms: UnownedProgram;
}

/** What is not as the system's packages have it, without what finds it. */
export const integrityTables: Sections<IntegrityRows> = {
  packageFiles: {
    title: "files that differ from their packages",
    isOnRequest: true,
    key: ({ path }) => path,
    columns: [
      { title: "KIND", text: ({ kind }) => kind },
      { title: "DIFFERS", text: ({ differs }) => differs.join(", ") },
      { title: "PACKAGE", text: (row) => row.package },
      { title: "PATH", text: ({ path }) => path },
    ],
  },
  unownedPrograms: {
    title: "programs of no package",
    isLong: true,
    key: ({ path }) => path,
    columns: [
      { title: "MODE", text: ({ mode }) => mode },
      { title: "UID", align: "right", text: ({ uid }) => `${uid}` },
      { title: "MODIFIED", text: ({ modified = "-" }) => modified },
      { title: "PATH", text: ({ path }) => path },
    ],
  },
};
