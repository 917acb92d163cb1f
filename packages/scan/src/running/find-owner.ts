import type { PackageManifest } from "../integrity/package-manifest.ts";
import type { PackagedFile } from "../integrity/packaged-file.ts";

/** What dpkg and rpm add to a name while they unpack. */
const UNPACKING = /(?:\.dpkg-(?:new|tmp)|;[0-9a-f]{8})$/;
const LIBRARY = /^(.*\/[^/]+\.so)((?:\.[0-9A-Za-z]+)+)$/;

/**
 * The package of a file that may be gone from the disk: by its path, or by the name that programs ask for
 * (`libcurl.so.4` for `libcurl.so.4.7.0`), which the next version of a library keeps.
 */
export function findOwner(
  manifest: Pick<PackageManifest, "files" | "locate">,
  path: string,
): PackagedFile | undefined {
  for (const name of walkNames(path.replace(UNPACKING, ""))) {
    const claims = manifest.files.get(manifest.locate(name)) ?? [];
    const owner = claims.find(({ digest }) => digest !== undefined) ?? claims[0];
    if (owner !== undefined) return owner;
  }
  return undefined;
}

function* walkNames(path: string): Generator<string> {
  yield path;
  const [, base = "", version = ""] = LIBRARY.exec(path) ?? [];
  const parts = version.split(".");
  // Not down to `libcurl.so`, which is for those who compile.
  for (let count = parts.length - 1; count > 1; count -= 1) {
    yield `${base}${parts.slice(0, count).join(".")}`;
  }
}
