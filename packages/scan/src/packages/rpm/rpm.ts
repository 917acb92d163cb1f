import { CasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import { attempt } from "../../attempt.ts";
import type { Collector } from "../../collector.ts";
import type { Look } from "../../look.ts";
import { distroQualifier, type OsRelease, readOsRelease } from "../../system/os-release.ts";
import type { InstalledPackage } from "../installed-package.ts";
import { packageUrl } from "../package-url.ts";
import { walkNdbBlobs } from "./ndb-database.ts";
import { parseRpmHeader, type RpmHeader } from "./rpm-header.ts";
import { walkSqliteBlobs } from "./sqlite-blobs.ts";

/** Where distributions have the database; one of the two is a link to the other, mostly. */
const DIRECTORIES = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"] as const;
/** The name of the key that a vendor signs packages with is that of a package. */
const KEYS = "gpg-pubkey";

/** Packages of Red Hat's, SUSE's and their descendants' systems, by rpm's database in SQLite or ndb. */
export const rpm: Collector<InstalledPackage> = {
  id: "packages/rpm",
  *collect(look) {
    const release = readOsRelease(look);
    const seen = new Set<number>();
    for (const directory of DIRECTORIES) {
      for (const { path, walk } of FORMATS) {
        const from = `${directory}/${path}`;
        const file = open(look, from);
        if (file === undefined || seen.has(file.inode)) continue;
        seen.add(file.inode);
        const log = open(look, `${from}-wal`)?.reader;
        for (const blob of walk(file.reader, from, log)) {
          const header = attempt(look, from, () => parseRpmHeader(blob, from));
          if (header !== undefined && header.name !== KEYS) yield describe(header, from, release);
        }
      }
    }
  },
};

/** Each format of rpm's database by the name of its file (rpm, lib/backend). */
const FORMATS: readonly {
  readonly path: string;
  walk(file: BlockReader, path: string, log: BlockReader | undefined): Iterable<Buffer>;
}[] = [
  { path: "rpmdb.sqlite", walk: walkSqliteBlobs },
  { path: "Packages.db", walk: walkNdbBlobs },
  {
    path: "Packages",
    walk(_, path) {
      const seen = "it is a Berkeley DB";
      throw new CasemateError(
        "scan/unsupported",
        `Cannot read ${path}: ${seen}, expected rpm's database in SQLite or ndb.`,
      );
    },
  },
];

function open(look: Look, path: string) {
  const find = () => {
    const node = look.files.find(path);
    return { inode: node.stat.inode, reader: node.contents() };
  };
  return attempt(look, path, find, { mayBeAbsent: true });
}

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
