import type { FileType } from "@casemate/formats/disk";
import type { InformedVisitor } from "../informed-visitor.ts";
import { readPackageManifest } from "./package-manifest.ts";

/** A file among the system's programs that no package says is its own. HOSTILE: by the guest's own database. */
export interface UnownedProgram {
  readonly path: string;
  readonly type: FileType;
  /** As `chmod` takes it: `0755`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** In bytes. */
  readonly size: number;
  /** ISO 8601. */
  readonly modified?: string;
  /** Where a symbolic link leads. */
  readonly target?: string;
  /** Compiled by Python from a source of this name that a package has. */
  readonly compiledFrom?: string;
}

/** Where distributions have programs and what these load (file-hierarchy(7)); not /usr/local, where none has any. */
const PROGRAMS = /^\/(?:usr\/)?(?:bin|sbin|lib|lib32|lib64|libx32|libexec|games)\//;
/** PEP 3147, `PYC repository directories`. */
const COMPILED = /^(.*)\/__pycache__\/([^/]+?)\.[^/.]+(?:\.opt-\d)?\.pyc$/;
/** update-alternatives(1) makes links to here. */
const ALTERNATIVES = "/etc/alternatives/";

/** Files in the directories of programs that belong to no package. */
export const unownedPrograms: InformedVisitor<UnownedProgram> = {
  id: "unownedPrograms/manifest",
  wants(path, { type }) {
    return type === "directory" || !PROGRAMS.test(path) ? "nothing" : "stat";
  },
  inform(look) {
    const { files } = readPackageManifest(look);
    return {
      *visit(file) {
        const { path, stat } = file;
        // Without a database nothing is any package's: `packageFiles` says so.
        if (files.size === 0 || files.has(path)) return;
        const target = stat.type === "symlink" ? file.target() : undefined;
        if (target?.startsWith(ALTERNATIVES) === true) return;
        const [, directory, module] = COMPILED.exec(path) ?? [];
        const source = directory === undefined ? undefined : `${directory}/${module}.py`;
        const modified = new Date(stat.modifiedMs);
        yield {
          path,
          type: stat.type,
          mode: stat.mode.toString(8).padStart(4, "0"),
          uid: stat.uid,
          gid: stat.gid,
          size: stat.size,
          ...(Number.isNaN(modified.getTime()) ? {} : { modified: modified.toISOString() }),
          ...(target === undefined ? {} : { target }),
          ...(source === undefined || !files.has(source) ? {} : { compiledFrom: source }),
        };
      },
    };
  },
};
