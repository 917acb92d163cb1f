import { MiB } from "@casemate/core";
import type { Collector } from "../collector.ts";
import type { Look } from "../look.ts";
import { distroQualifier, type OsRelease, readOsRelease } from "../system/os-release.ts";
import { type Stanza, walkDeb822 } from "./deb822.ts";
import type { InstalledPackage } from "./installed-package.ts";
import { packageUrl } from "./package-url.ts";

const STATUS = "/var/lib/dpkg/status";
/** Images without dpkg itself ("distroless") have a file for each package. */
const STATUS_DIRECTORY = "/var/lib/dpkg/status.d";
/** Ten thousand packages take 10 MiB. */
const MAX_BYTES = 64 * MiB;

const FIELDS: ReadonlySet<string> = new Set([
  "package",
  "status",
  "version",
  "architecture",
  "source",
]);

/** The states in which none of a package's own files are there (dpkg(1), "Package states"). */
const ABSENT: ReadonlySet<string> = new Set(["not-installed", "config-files"]);

/** Debian's packages, by dpkg's status database. */
export const dpkg: Collector<InstalledPackage> = {
  id: "packages/dpkg",
  *collect(look) {
    const release = readOsRelease(look);
    for (const { path, text } of walkDatabases(look)) {
      for (const stanza of walkDeb822(text, FIELDS)) {
        const found = parsePackage(stanza, path, release);
        if (found !== undefined) yield found;
      }
    }
  },
};

function* walkDatabases(look: Look): Generator<{ readonly path: string; readonly text: string }> {
  const status = look.read(STATUS, MAX_BYTES);
  if (status !== undefined) yield { path: STATUS, text: status.toString("utf8") };
  for (const { name } of look.list(STATUS_DIRECTORY)) {
    if (name.endsWith(".md5sums")) continue;
    const path = `${STATUS_DIRECTORY}/${name}`;
    const part = look.read(path, MAX_BYTES);
    if (part !== undefined) yield { path, text: part.toString("utf8") };
  }
}

/** The package that a stanza of the status database is about; `undefined` where its files are not there. */
function parsePackage(
  stanza: Stanza,
  from: string,
  release: OsRelease | undefined,
): InstalledPackage | undefined {
  const name = stanza.get("package") ?? "";
  const version = stanza.get("version") ?? "";
  // Wanted, whether it needs to be installed again, and how far it is: "install ok installed".
  const state = stanza.get("status")?.split(/\s+/)[2] ?? "installed";
  if (name === "" || version === "" || ABSENT.has(state)) return undefined;
  const architecture = stanza.get("architecture");
  return {
    type: "deb",
    name,
    version,
    ...(architecture === undefined ? {} : { architecture }),
    source: parseSource(stanza.get("source"), name, version),
    purl: packageUrl({
      type: "deb",
      namespace: release?.id ?? "debian",
      name,
      version,
      qualifiers: {
        arch: architecture,
        distro: release === undefined ? undefined : distroQualifier(release),
      },
    }),
    from,
  };
}

/** `Source: NAME (VERSION)`; what is not said is as the binary package has it. */
function parseSource(field: string | undefined, name: string, version: string) {
  const [, source = name, sourceVersion = version] =
    /^(\S+)(?:\s+\(([^)]*)\))?/.exec(field ?? "") ?? [];
  return { name: source, version: sourceVersion };
}
