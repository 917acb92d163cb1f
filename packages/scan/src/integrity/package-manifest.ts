import type { Look } from "../look.ts";
import { addApkFiles } from "./apk-manifest.ts";
import { addDpkgFiles } from "./dpkg-manifest.ts";
import type { PackagedFile } from "./packaged-file.ts";
import { addRpmFiles } from "./rpm-manifest.ts";

/**
 * Every file that the system's packages say is theirs, by the path that a walk of the tree has it at.
 *
 * HOSTILE: the guest says it. Who may write there can make the database agree with what was changed; what is
 * told then is no less true, and a signed archive or a baseline are what to compare with.
 */
export class PackageManifest {
  /** Files of one path in several packages are of each. */
  readonly files = new Map<string, PackagedFile[]>();
  readonly #aliases: ReadonlyMap<string, string>;

  /** @param aliases directories of the root that are links to others: `bin` to `usr/bin`. */
  constructor(aliases: ReadonlyMap<string, string> = new Map()) {
    this.#aliases = aliases;
  }

  /** @param path absolute, as the package has it */
  add(path: string, file: PackagedFile): void {
    const here = this.locate(path);
    const others = this.files.get(here);
    if (others === undefined) this.files.set(here, [file]);
    else if (saysMore(file)) others.push(file);
  }

  /** The path that a walk has: packages may have `/bin/sh` where it is in `/usr/bin`. */
  locate(path: string): string {
    const end = path.indexOf("/", 1);
    if (end < 0) return path;
    const alias = this.#aliases.get(path.slice(1, end));
    return alias === undefined ? path : `/${alias}${path.slice(end)}`;
  }
}

/** Directories are of hundreds of packages, each of which says as little of them. */
function saysMore({ type, digest, mode, target }: PackagedFile): boolean {
  return digest !== undefined || target !== undefined || mode !== undefined || type !== undefined;
}

const known = new WeakMap<Look, PackageManifest>();

/** What all databases of packages say; of one look it is read once. What of it cannot be read is missed. */
export function readPackageManifest(look: Look): PackageManifest {
  const before = known.get(look);
  if (before !== undefined) return before;
  const manifest = new PackageManifest(readAliases(look));
  known.set(look, manifest);
  addDpkgFiles(manifest, look);
  addRpmFiles(manifest, look);
  addApkFiles(manifest, look);
  return manifest;
}

/** Directories of programs and libraries in the root, which the merged /usr has links for. */
const MERGED = /^(?:s?bin|lib\w*)$/;

/** The merged /usr: directories of the root that are links into it (file-hierarchy(7)). */
export function readAliases(look: Look): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  for (const { name, open } of look.list("/")) {
    if (!MERGED.test(name)) continue;
    const node = open();
    if (node.stat.type !== "symlink") continue;
    const target = node.target().replace(/^\/+|\/+$/g, "");
    if (/^usr\/[^/]+$/.test(target)) aliases.set(name, target);
  }
  return aliases;
}
