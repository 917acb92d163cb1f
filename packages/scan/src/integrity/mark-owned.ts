import type { Look } from "../look.ts";
import type { InstalledPackage, PackageType } from "../packages/installed-package.ts";
import { addApkFiles } from "./apk-manifest.ts";
import { addDpkgFiles } from "./dpkg-manifest.ts";
import { PackageManifest, readAliases } from "./package-manifest.ts";
import { addRpmFiles } from "./rpm-manifest.ts";

const DISTRIBUTIONS: ReadonlySet<PackageType> = new Set(["deb", "rpm", "apk"]);

/**
 * The packages, those of languages with the distribution's package that has brought them, where one has.
 *
 * What of the lists of files cannot be read is nobody's: its advisories are then those of the language. HOSTILE:
 * the guest's own database says which files are whose.
 */
export function markOwned(
  look: Look,
  packages: readonly InstalledPackage[],
): readonly InstalledPackage[] {
  const owners = new Map<string, string | undefined>();
  for (const { type, from } of packages) {
    if (!DISTRIBUTIONS.has(type)) owners.set(from, undefined);
  }
  // Where nothing is any package's there is nobody to ask.
  if (owners.size === 0 || !packages.some(({ type }) => DISTRIBUTIONS.has(type))) return packages;
  const lists = quietly(look);
  const manifest = new PackageManifest(readAliases(look));
  const seek: Pick<PackageManifest, "add"> = {
    add(path, { package: name, packageType }) {
      const here = manifest.locate(path);
      if (owners.has(here)) owners.set(here, `${packageType}/${name}`);
    },
  };
  addDpkgFiles(seek, lists);
  addRpmFiles(seek, lists);
  addApkFiles(seek, lists);
  return packages.map((each) => {
    const partOf = DISTRIBUTIONS.has(each.type) ? undefined : owners.get(each.from);
    return partOf === undefined ? each : { ...each, partOf };
  });
}

/** The look, with nothing missed but what there was no time for: rows without an owner say enough. */
function quietly(look: Look): Look {
  return {
    files: look.files,
    missed: [],
    read: (path, mostBytes) => look.read(path, mostBytes),
    list: (path) => look.list(path),
    open: (path) => look.open(path),
    miss(_path, problem) {
      if (problem.code === "inspect/budget") throw problem;
    },
  };
}
