import { attempt } from "../../attempt.ts";
import type { Collector } from "../../collector.ts";
import { distroQualifier, type OsRelease, readOsRelease } from "../../system/os-release.ts";
import type { InstalledPackage } from "../installed-package.ts";
import { packageUrl } from "../package-url.ts";
import { parseRpmHeader, type RpmHeader } from "./rpm-header.ts";
import { walkRpmBlobs } from "./walk-rpm-blobs.ts";

/** The name of the key that a vendor signs packages with is that of a package. */
const KEYS = "gpg-pubkey";

/** Packages of Red Hat's, SUSE's and their descendants' systems, by rpm's database in SQLite or ndb. */
export const rpm: Collector<InstalledPackage> = {
  id: "packages/rpm",
  *collect(look) {
    const release = readOsRelease(look);
    for (const { path, blob } of walkRpmBlobs(look)) {
      const header = attempt(look, path, () => parseRpmHeader(blob, path));
      if (header !== undefined && header.name !== KEYS) yield describe(header, path, release);
    }
  },
};

function describe(
  header: RpmHeader,
  from: string,
  release: OsRelease | undefined,
): InstalledPackage {
  const { name, version, architecture, epoch, sourceRpm } = header;
  const evr = `${version}-${header.release}`;
  const source = parseSourceRpm(sourceRpm, epoch);
  return {
    type: "rpm",
    name,
    version: epoch === undefined ? evr : `${epoch}:${evr}`,
    ...(architecture === undefined ? {} : { architecture }),
    ...(source === undefined ? {} : { source }),
    purl: packageUrl({
      type: "rpm",
      namespace: release?.id,
      name,
      version: evr,
      qualifiers: {
        arch: architecture,
        epoch: epoch?.toString(),
        distro: release === undefined ? undefined : distroQualifier(release),
      },
    }),
    from,
  };
}

/** `NAME-VERSION-RELEASE.src.rpm`; its epoch is not in its name, and mostly that of the package. */
function parseSourceRpm(file: string | undefined, epoch: number | undefined) {
  const [, name, version] = /^(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm$/.exec(file ?? "") ?? [];
  if (name === undefined || version === undefined) return undefined;
  return { name, version: epoch === undefined ? version : `${epoch}:${version}` };
}
