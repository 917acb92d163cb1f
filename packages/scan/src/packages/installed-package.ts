/** A type of package URLs (package-url/purl-spec, "Known purl types"). */
export type PackageType = "deb" | "rpm" | "apk" | "pypi" | "npm" | "golang" | "cargo";

/** What a package database or an artefact says is installed. HOSTILE: the guest says it. */
export interface InstalledPackage {
  readonly type: PackageType;
  readonly name: string;
  /** As its ecosystem compares it: with the epoch where it has one. */
  readonly version: string;
  readonly architecture?: string;
  /** The source package, where there is one. */
  readonly source?: { readonly name: string; readonly version: string };
  /** The package URL, with a distro qualifier where it comes from one. */
  readonly purl: string;
  /** The path of the database or artefact that says so. */
  readonly from: string;
  /**
   * The distribution's package that brought it along, `deb/python3-requests`: what is wrong with it, and since
   * when no longer, that distribution's advisories tell.
   */
  readonly partOf?: string;
}
