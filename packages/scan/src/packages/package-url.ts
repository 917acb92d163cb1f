import type { PackageType } from "./installed-package.ts";

/** The parts of a package URL. */
export interface PackageUrlParts {
  readonly type: PackageType;
  /** `debian`, `github.com/gorilla`: with slashes between its segments. */
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly version?: string | undefined;
  readonly qualifiers?: Readonly<Record<string, string | undefined>>;
}

/** A package URL in canonical form (package-url/purl-spec, "Rules for each purl component"). */
export function packageUrl(parts: PackageUrlParts): string {
  const { type, namespace = "", name, version = "", qualifiers = {} } = parts;
  const segments = [...namespace.split("/").filter((segment) => segment !== ""), name];
  const path = segments.map(encode).join("/");
  const query = Object.entries(qualifiers)
    .flatMap(([key, value = ""]) => (value === "" ? [] : [`${key}=${encode(value)}`]))
    .sort()
    .join("&");
  return `pkg:${type}/${path}${version === "" ? "" : `@${encode(version)}`}${query === "" ? "" : `?${query}`}`;
}

/** Everything but letters, digits, `.-_~` and the colon is percent-encoded. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll("%3A", ":")
    .replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
