import type { InstalledPackage } from "../installed-package.ts";
import { packageUrl } from "../package-url.ts";
import { damaged } from "./language-error.ts";

export interface LanguagePackageParts extends Pick<InstalledPackage, "name" | "version" | "from"> {
  readonly type: "pypi" | "npm" | "golang" | "cargo";
}

/** HOSTILE: what no registry takes for a name or a version, and a terminal might take for more. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]/u;
const MAX_CHARACTERS = 512;
/** What Go says of a module that was built where it was written, without the tag of a version. */
const UNVERSIONED = "(devel)";

/** A language's package with its URL, its name and version checked to be such. Throws `scan/damaged`. */
export function languagePackage(parts: LanguagePackageParts): InstalledPackage {
  const { type, name, version, from } = parts;
  for (const text of [name, version]) {
    if (text !== "" && text.length <= MAX_CHARACTERS && !UNPRINTABLE.test(text)) continue;
    throw damaged(from, JSON.stringify(text.slice(0, 64)), "a name and a version");
  }
  // purl-spec, types/golang: in lower case, however the module's own path is written.
  const path = type === "golang" ? name.toLowerCase() : name;
  const slash = path.lastIndexOf("/");
  const purl = packageUrl({
    type,
    namespace: slash < 0 ? undefined : path.slice(0, slash),
    name: path.slice(slash + 1),
    version: version === UNVERSIONED ? undefined : version,
  });
  return { type, name, version, purl, from };
}
