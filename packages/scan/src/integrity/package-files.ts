import { hash } from "node:crypto";
import { CasemateError, type NonEmpty } from "@casemate/core";
import type { FileType } from "@casemate/formats/disk";
import { attempt } from "../attempt.ts";
import type { PackageType } from "../packages/installed-package.ts";
import type { Survey } from "../survey.ts";
import type { VisitedFile } from "../visitor.ts";
import { hashFile } from "./hash-file.ts";
import { KnownNames } from "./known-names.ts";
import { readPackageManifest } from "./package-manifest.ts";
import type { Digest, PackagedFile } from "./packaged-file.ts";

/** What of a file is not as its package has it. */
export type FileDifference =
  | "missing"
  /** Its package has checksums of all other files. */
  | "no checksum"
  | "type"
  | "contents"
  | "size"
  | "target"
  | "mode"
  | "owner"
  | "group";

/** A file that is not as its package has it. HOSTILE: by the guest's own database. */
export interface ChangedFile {
  readonly path: string;
  readonly package: string;
  readonly packageType: PackageType;
  /** `changed configuration`: whoever runs the system is to change it, and it is no wonder. */
  readonly kind: "changed" | "changed configuration";
  readonly differs: NonEmpty<FileDifference>;
  /** Both have what differs alone. */
  readonly expected: FileFacts;
  readonly seen: FileFacts;
}

export interface FileFacts {
  readonly type?: FileType;
  /** `md5:` and hexadecimal. */
  readonly digest?: string;
  /** In bytes. */
  readonly size?: number;
  /** As `chmod` takes it: `0755`. */
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Where a symbolic link leads. */
  readonly target?: string;
}

/** Files of packages that differ from what the package's own database says of them. */
export const packageFiles: Survey<ChangedFile> = {
  id: "packageFiles/checksums",
  begin(look) {
    const { files } = readPackageManifest(look);
    if (files.size === 0) look.miss("packageFiles", noManifest());
    const visited = new Set<string>();
    const digests = new Map<string, string>();
    return {
      wants: (path) => (files.has(path) ? "stat" : "nothing"),
      *visit(file) {
        visited.add(file.path);
        yield* compareFile(file, files.get(file.path) ?? [], digests);
      },
      *end() {
        const names = new KnownNames(look);
        for (const [path, claims] of files) {
          if (visited.has(path)) continue;
          // A directory on the way may be a link.
          const file = names.has(path) ? look.open(path) : undefined;
          const rows = attempt(look, path, () => [...compareFile(file, claims, digests, path)]);
          if (rows !== undefined) yield* rows;
        }
      },
    };
  },
};

type Difference = Pick<ChangedFile, "differs" | "expected" | "seen">;

/** One row at most: none where the file is as one of the packages that have it says. */
function* compareFile(
  file: VisitedFile | undefined,
  claims: readonly PackagedFile[],
  digests: Map<string, string>,
  path = file?.path ?? "",
): Generator<ChangedFile> {
  let first: Difference | undefined;
  for (const claim of claims) {
    const found = file === undefined ? absence(claim) : findDifference(file, claim, digests);
    if (found === undefined) return;
    first ??= found;
  }
  const [claim] = claims;
  if (first === undefined || claim === undefined) return;
  const isConfiguration = claims.some((each) => each.isConfiguration);
  yield {
    path,
    package: claim.package,
    packageType: claim.packageType,
    kind: isConfiguration ? "changed configuration" : "changed",
    ...first,
  };
}

function absence({ mayBeMissing, type, digest }: PackagedFile): Difference | undefined {
  if (mayBeMissing) return undefined;
  const expected = {
    ...(type === undefined ? {} : { type }),
    ...(digest === undefined ? {} : { digest: formatDigest(digest) }),
  };
  return { differs: ["missing"], expected, seen: {} };
}

function findDifference(
  file: VisitedFile,
  claim: PackagedFile,
  digests: Map<string, string>,
): Difference | undefined {
  const { stat } = file;
  if (claim.type !== undefined && claim.type !== stat.type) {
    return { differs: ["type"], expected: { type: claim.type }, seen: { type: stat.type } };
  }
  if (claim.lacksDigest === true && stat.type === "file") {
    return { differs: ["no checksum"], expected: {}, seen: {} };
  }
  const found = [
    differ("contents", "digest", claim.digest && formatDigest(claim.digest), () =>
      readDigest(file, claim.digest, digests),
    ),
    differ("size", "size", claim.size, () => stat.size),
    differ("target", "target", claim.target, () => file.target()),
    // Of a link Linux has no mode.
    stat.type === "symlink"
      ? undefined
      : differ("mode", "mode", formatMode(claim.mode), () => formatMode(stat.mode)),
    differ("owner", "uid", claim.uid, () => stat.uid),
    differ("group", "gid", claim.gid, () => stat.gid),
  ].filter((each) => each !== undefined);
  const [first, ...others] = found;
  if (first === undefined) return undefined;
  return {
    differs: [first.what, ...others.map(({ what }) => what)],
    expected: Object.assign({}, ...found.map(({ expected }) => expected)),
    seen: Object.assign({}, ...found.map(({ seen }) => seen)),
  };
}

/** What is expected and what is seen where they differ; nothing is where nothing is expected. */
function differ<Value extends string | number>(
  what: FileDifference,
  fact: keyof FileFacts,
  expected: Value | undefined,
  see: () => Value | undefined,
) {
  if (expected === undefined) return undefined;
  const seen = see();
  if (seen === expected) return undefined;
  return { what, expected: { [fact]: expected }, seen: seen === undefined ? {} : { [fact]: seen } };
}

function readDigest(
  file: VisitedFile,
  expected: Digest | undefined,
  digests: Map<string, string>,
): string | undefined {
  if (expected === undefined) return undefined;
  const { algorithm } = expected;
  const { type, inode, links } = file.stat;
  // apk has checksums of where links lead.
  if (type === "symlink") return formatDigest({ algorithm, hex: hash(algorithm, file.target()) });
  const key = `${algorithm}:${inode}`;
  const known = links > 1 ? digests.get(key) : undefined;
  const hex = known ?? hashFile(file, algorithm);
  if (links > 1) digests.set(key, hex);
  return formatDigest({ algorithm, hex });
}

const formatDigest = ({ algorithm, hex }: Digest): string => `${algorithm}:${hex}`;
const formatMode = (mode: number | undefined): string | undefined =>
  mode?.toString(8).padStart(4, "0");

function noManifest(): CasemateError {
  return new CasemateError(
    "disk/not-found",
    "Cannot check files of packages: no database has any, expected dpkg's, rpm's or apk's.",
  );
}
