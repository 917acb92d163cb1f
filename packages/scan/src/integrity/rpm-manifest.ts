import type { FileType } from "@casemate/formats/disk";
import { attempt } from "../attempt.ts";
import { walkColonLines } from "../identity/users.ts";
import type { Look } from "../look.ts";
import { parseRpmFiles, type RpmFile } from "../packages/rpm/parse-rpm-files.ts";
import { parseRpmHeader } from "../packages/rpm/rpm-header.ts";
import { walkRpmBlobs } from "../packages/rpm/walk-rpm-blobs.ts";
import type { DigestAlgorithm } from "./hash-file.ts";
import type { PackageManifest } from "./package-manifest.ts";
import type { PackagedFile } from "./packaged-file.ts";

/** RFC 4880, section 9.4, as rpm has them in FILEDIGESTALGO. */
const ALGORITHMS: ReadonlyMap<number, DigestAlgorithm> = new Map([
  [1, "md5"],
  [2, "sha1"],
  [8, "sha256"],
  [9, "sha384"],
  [10, "sha512"],
  [11, "sha224"],
]);
/** rpm 4.18, include/rpm/rpmfiles.h, rpmfileAttrs. */
const FLAG = { config: 1 << 0, missingOk: 1 << 3, ghost: 1 << 6 } as const;
/** include/rpm/rpmvf.h, rpmVerifyAttrs. */
const VERIFY = { digest: 1, size: 2, linkTo: 4, user: 8, group: 16, mode: 64 } as const;
/** lib/rpmfi.h, rpmfileState: installed; others were replaced, left out or are on the net. */
const NORMAL = 0;
/** stat(2), S_IFMT. */
const TYPE_BITS = 0o170000;
const TYPES: ReadonlyMap<number, FileType> = new Map([
  [0o100000, "file"],
  [0o040000, "directory"],
  [0o120000, "symlink"],
  [0o020000, "character-device"],
  [0o060000, "block-device"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
]);

/** Adds the files of rpm's packages, as their headers have them. */
export function addRpmFiles(manifest: Pick<PackageManifest, "add">, look: Look): void {
  let names: Names | undefined;
  attempt(look, "packageFiles/rpm", () => {
    for (const { path, blob } of walkRpmBlobs(look)) {
      names ??= { users: readIds(look, "/etc/passwd"), groups: readIds(look, "/etc/group") };
      const known = names;
      attempt(look, path, () => {
        const { name } = parseRpmHeader(blob, path);
        const { digestAlgorithm, files } = parseRpmFiles(blob, path);
        const algorithm = ALGORITHMS.get(digestAlgorithm);
        for (const file of files) {
          if (file.state === NORMAL)
            manifest.add(file.path, describe(name, file, algorithm, known));
        }
      });
    }
  });
}

/** Numbers of the system's own users and groups by name. */
interface Names {
  readonly users: ReadonlyMap<string, number>;
  readonly groups: ReadonlyMap<string, number>;
}

function readIds(look: Look, path: string): ReadonlyMap<string, number> {
  const ids = new Map([["root", 0]]);
  for (const [name = "", , id = ""] of walkColonLines(look, path)) {
    if (/^\d{1,10}$/.test(id)) ids.set(name, Number(id));
  }
  return ids;
}

function describe(
  name: string,
  file: RpmFile,
  algorithm: DigestAlgorithm | undefined,
  { users, groups }: Names,
): PackagedFile {
  const { flags, verify, mode, size, linkTo, digest: hex } = file;
  const type = TYPES.get(mode & TYPE_BITS);
  // What is only named, not brought along, may be anything (rpm, `%ghost`).
  const isGhost = (flags & FLAG.ghost) !== 0;
  const isFile = type === "file" && !isGhost;
  const uid = (verify & VERIFY.user) === 0 ? undefined : users.get(file.user);
  const gid = (verify & VERIFY.group) === 0 ? undefined : groups.get(file.group);
  const hasDigest = isFile && (verify & VERIFY.digest) !== 0 && algorithm !== undefined;
  return {
    package: name,
    packageType: "rpm",
    isConfiguration: (flags & FLAG.config) !== 0,
    mayBeMissing: isGhost || (flags & FLAG.missingOk) !== 0,
    ...(type === undefined || isGhost ? {} : { type }),
    ...(hasDigest && hex !== "" ? { digest: { algorithm, hex } } : {}),
    ...(isFile && (verify & VERIFY.size) !== 0 ? { size } : {}),
    ...((verify & VERIFY.mode) === 0 || isGhost ? {} : { mode: mode & 0o7777 }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(type === "symlink" && (verify & VERIFY.linkTo) !== 0 ? { target: linkTo } : {}),
  };
}
