import type { InstalledPackage, PackageType } from "../packages/installed-package.ts";
import type { OsRelease } from "../system/os-release.ts";

/** Distributions by OSV's name (osv-schema, "Defined ecosystems"), with what os-release(5) calls them. */
const distributions: readonly {
  readonly name: string;
  readonly type: PackageType;
  readonly id: string;
  /** How the release is written: as os-release says it, its first number, its first two. */
  readonly release: (version: string) => string;
  /** Whether advisories name source packages. */
  readonly bySource: boolean;
}[] = [
  {
    name: "Debian",
    type: "deb",
    id: "debian",
    release: (version) => major(version),
    bySource: true,
  },
  { name: "Ubuntu", type: "deb", id: "ubuntu", release: (version) => version, bySource: true },
  {
    name: "Alpine",
    type: "apk",
    id: "alpine",
    release: (version) => `v${minor(version)}`,
    bySource: true,
  },
  { name: "Wolfi", type: "apk", id: "wolfi", release: () => "", bySource: true },
  { name: "Chainguard", type: "apk", id: "chainguard", release: () => "", bySource: true },
  {
    name: "Rocky Linux",
    type: "rpm",
    id: "rocky",
    release: (version) => major(version),
    bySource: false,
  },
  {
    name: "AlmaLinux",
    type: "rpm",
    id: "almalinux",
    release: (version) => major(version),
    bySource: false,
  },
  {
    name: "Red Hat",
    type: "rpm",
    id: "rhel",
    release: (version) => major(version),
    bySource: false,
  },
  {
    name: "openSUSE",
    type: "rpm",
    id: "opensuse-leap",
    release: (version) => `Leap ${version}`,
    bySource: true,
  },
  { name: "SUSE", type: "rpm", id: "sles", release: sles, bySource: true },
];

/** Ecosystems without releases, by type of package URL. */
const languages: Readonly<Partial<Record<PackageType, string>>> = {
  pypi: "PyPI",
  npm: "npm",
  golang: "Go",
  cargo: "crates.io",
};

const major = (version: string) => version.split(".")[0] ?? "";
const minor = (version: string) => version.split(".").slice(0, 2).join(".");

function sles(version: string): string {
  const [release = "", pack] = version.split(".");
  return `Linux Enterprise Server ${release}${pack === undefined ? "" : ` SP${pack}`}`;
}

/** Debian's releases (distro-info-data): its tracker and archives name them, systems and OSV number them. */
const debianReleases: Readonly<Record<string, string>> = {
  jessie: "8",
  stretch: "9",
  buster: "10",
  bullseye: "11",
  bookworm: "12",
  trixie: "13",
  forky: "14",
  duke: "15",
};

/** The ecosystem of a Debian release by its codename: `bookworm` → `Debian:12`; `sid` stays `Debian:sid`. */
export function ecosystemOfDebian(codename: string): string {
  return `Debian:${Object.hasOwn(debianReleases, codename) ? debianReleases[codename] : codename}`;
}

/** The type of the packages of an ecosystem, which says how versions compare; `undefined` for unknown ones. */
export function typeOfEcosystem(ecosystem: string): PackageType | undefined {
  const [name = ""] = ecosystem.split(":");
  for (const [type, language] of Object.entries(languages)) {
    if (language === name) return type as PackageType; // the keys of the table are those
  }
  return distributions.find((distribution) => distribution.name === name)?.type;
}

/** An ecosystem as OSV writes it, as it is looked up here: `Ubuntu:22.04:LTS` → `Ubuntu:22.04`. */
export function normalizeEcosystem(ecosystem: string): string {
  const [name = "", ...parts] = ecosystem.split(":");
  switch (name) {
    case "Ubuntu":
      // "Pro" has versions of its own, which systems without it never get.
      return parts[0] === "Pro" ? ecosystem : `Ubuntu:${parts[0] ?? ""}`;
    case "Red Hat":
      // A CPE without its beginning: `enterprise_linux:9::baseos`.
      return parts[0] === "enterprise_linux" ? `Red Hat:${major(parts[1] ?? "")}` : ecosystem;
    case "Rocky Linux":
    case "AlmaLinux":
      return `${name}:${major(parts[0] ?? "")}`;
    default:
      return ecosystem;
  }
}

/** A package's name as its ecosystem compares names. */
export function normalizeName(type: PackageType, name: string): string {
  // The specification "Names and normalization" of Python packages.
  return type === "pypi" ? name.toLowerCase().replaceAll(/[-_.]+/g, "-") : name;
}

/** Under which name and version advisories speak of an installed package. */
export interface AdvisedPackage {
  readonly ecosystem: string;
  readonly name: string;
  readonly version: string;
}

/** Where to look for advisories on a package of a system; `undefined` where no ecosystem is known for it. */
export function adviseOn(
  installed: InstalledPackage,
  os: OsRelease | undefined,
): AdvisedPackage | undefined {
  const { type, name, version } = installed;
  const language = languages[type];
  if (language !== undefined)
    return { ecosystem: language, name: normalizeName(type, name), version };
  const ecosystem = ecosystemOf(os);
  const distribution = distributions.find((known) => known.id === os?.id);
  if (ecosystem === undefined || distribution?.type !== type) return undefined;
  if (!distribution.bySource) return { ecosystem, name, version };
  if (installed.source !== undefined) return { ecosystem, ...installed.source };
  // A rebuild without a change of source (binNMU) has the source's version and `+b1`.
  return { ecosystem, name, version: type === "deb" ? version.replace(/\+b\d+$/, "") : version };
}

/** The ecosystem of a distribution's own packages; `undefined` where OSV has none for it. */
export function ecosystemOf(os: OsRelease | undefined): string | undefined {
  const distribution = distributions.find(({ id }) => id === os?.id);
  if (os === undefined || distribution === undefined) return undefined;
  if (os.versionId === undefined && distribution.id === "debian") {
    return ecosystemOfDebian(os.codename ?? "sid"); // testing and unstable have no number
  }
  const release = distribution.release(os.versionId ?? "");
  return release === "" ? distribution.name : `${distribution.name}:${release}`;
}
