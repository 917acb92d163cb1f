import { KiB } from "@casemate/core";
import { normalizeName } from "../../advisories/ecosystem.ts";
import type { Visitor } from "../../visitor.ts";
import { walkDeb822 } from "../deb822.ts";
import type { InstalledPackage } from "../installed-package.ts";
import { damaged } from "./language-error.ts";
import { languagePackage } from "./language-package.ts";

/** Name and version are its second and third line; what follows is a description of any length. */
const MAX_HEADER = 64 * KiB;
const FIELDS: ReadonlySet<string> = new Set(["name", "version"]);

/**
 * Python's packages, by what installers leave beside them: `METADATA` in a `.dist-info` (the specification
 * "Recording installed projects"), `PKG-INFO` in an `.egg-info` or `EGG-INFO`, an `.egg-info` that is a file.
 *
 * Names are normalized (the specification "Names and normalization", once PEP 503). What a package bundles of
 * others with their metadata is a package, too.
 */
export const pythonPackages: Visitor<InstalledPackage> = {
  id: "packages/python",
  wants(path, { type }) {
    return type === "file" && isMetadata(path) ? "contents" : "nothing";
  },
  *visit(file) {
    const { path } = file;
    // Header fields as in e-mail up to an empty line (the specification "Core metadata"): what deb822 has.
    const [header] = walkDeb822(file.head(MAX_HEADER).toString("utf8"), FIELDS);
    const name = header?.get("name");
    const version = header?.get("version");
    if (name === undefined || version === undefined) {
      throw damaged(path, "no Name and Version", "both in its header");
    }
    yield languagePackage({
      type: "pypi",
      name: normalizeName("pypi", name),
      version,
      from: path,
    });
  },
};

function isMetadata(path: string): boolean {
  return (
    path.endsWith(".dist-info/METADATA") ||
    path.endsWith(".egg-info") ||
    path.endsWith(".egg-info/PKG-INFO") ||
    path.endsWith("/EGG-INFO/PKG-INFO")
  );
}
