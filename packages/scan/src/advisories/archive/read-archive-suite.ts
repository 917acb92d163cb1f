import { createHash } from "node:crypto";
import { CasemateError } from "@casemate/core";
import { debVersions } from "../../versions/deb-versions.ts";
import { feedError } from "../feed-error.ts";
import type { ArchiveSource } from "./archive-source.ts";
import { expandIndex, type IndexSuffix, indexSuffixes } from "./expand-index.ts";
import { parseRelease, type Release, type ReleaseFile } from "./parse-release.ts";
import { MAX_RELEASE_BYTES, verifyInRelease } from "./verify-in-release.ts";
import { type AvailablePackage, walkPackages } from "./walk-packages.ts";

/** What a suite of a Debian archive offers. */
export interface ArchiveSuite {
  /** `Debian bookworm-security`. */
  readonly name: string;
  /** The systems it is for, by OSV's name: `Debian:12`. */
  readonly ecosystem: string;
  /** When the archive made it, ISO 8601. */
  readonly date: string;
  /** The newest of each name and architecture. */
  readonly packages: readonly AvailablePackage[];
}

export interface SuiteOptions {
  /** As APT's sources name it: `bookworm-security`. */
  readonly suite: string;
  /** OpenPGP public keys, binary or armored: the system's are in Debian's `debian-archive-keyring`. */
  readonly keyrings: readonly Buffer[];
  readonly architectures: readonly string[];
  /** The moment that keys and the suite must be valid at; now, unless given. */
  readonly now?: Date;
}

/** Debian's largest, main for amd64, has 50 MiB. */
const MAX_INDEX_BYTES = 256 * 1024 * 1024;

/**
 * Reads a suite: its InRelease is verified, each index is what the InRelease says by size and SHA-256.
 *
 * HOSTILE: whoever serves the archive. Throws `feed/untrusted`, `feed/malformed`, `feed/unreachable`.
 */
export async function readArchiveSuite(
  source: ArchiveSource,
  { suite, keyrings, architectures, now = new Date() }: SuiteOptions,
  signal?: AbortSignal,
): Promise<ArchiveSuite> {
  const directory = `dists/${suite}`;
  const signed = await source.read(`${directory}/InRelease`, MAX_RELEASE_BYTES, signal);
  const release = parseRelease(await verifyInRelease(signed, keyrings, now));
  if (release.suite !== suite && release.codename !== suite) {
    throw untrusted(suite, `it is that of ${release.codename.slice(0, 100)}`);
  }
  if (release.validUntil !== undefined && release.validUntil < now) {
    // An old state, signed in its time, would hide what came since.
    throw untrusted(suite, `it was valid until ${release.validUntil.toISOString()}`);
  }
  const newest = new Map<string, AvailablePackage>();
  for (const index of indexesOf(release, architectures)) {
    for await (const available of readIndex(source, directory, index, signal)) {
      const key = `${available.name}/${available.architecture}`;
      const known = newest.get(key);
      if (known === undefined || debVersions.compare(known.version, available.version) < 0) {
        newest.set(key, available);
      }
    }
  }
  const { origin, codename, ecosystem, date } = release;
  return {
    name: `${origin} ${codename}`,
    ecosystem,
    date: date.toISOString(),
    packages: [...newest.values()],
  };
}

/** One index, plain and in the forms it is offered in. */
interface Index {
  readonly plain: ReleaseFile;
  readonly offers: readonly { readonly suffix: IndexSuffix; readonly file: ReleaseFile }[];
}

/** The `Packages` of every component for these architectures and for all of them. */
function indexesOf(release: Release, architectures: readonly string[]): readonly Index[] {
  const files = new Map(release.files.map((file) => [file.path, file]));
  const wanted = new Set([...architectures, "all"].map((name) => `binary-${name}`));
  return [...files.values()].flatMap((plain) => {
    const [name, architecture = "", component] = plain.path.split("/").reverse();
    if (name !== "Packages" || !wanted.has(architecture) || component === undefined) return [];
    if (plain.path.includes("debian-installer/") || plain.bytes === 0) return [];
    const offers = indexSuffixes.flatMap((suffix) => {
      const file = files.get(`${plain.path}${suffix}`);
      return file === undefined ? [] : [{ suffix, file }];
    });
    return [{ plain, offers }];
  });
}

async function* readIndex(
  source: ArchiveSource,
  directory: string,
  { plain, offers }: Index,
  signal?: AbortSignal,
): AsyncGenerator<AvailablePackage> {
  if (plain.bytes > MAX_INDEX_BYTES) throw untrusted(plain.path, `it has ${plain.bytes} bytes`);
  for (const { suffix, file } of offers) {
    const packed = await source
      .read(`${directory}/${file.path}`, file.bytes, signal)
      .catch((thrown: unknown) => {
        // A Release file also lists forms that the archive does not keep; the next one is tried.
        if (thrown instanceof CasemateError && thrown.code === "feed/unreachable") return undefined;
        throw thrown;
      });
    signal?.throwIfAborted();
    if (packed === undefined) continue;
    verifyHash(packed, file);
    yield* walkPackages(expandIndex(packed, suffix, plain.bytes));
    return;
  }
  throw feedError("feed/unreachable", `read ${plain.path}`, {
    seen: "the archive has it in no form",
    needed: `one of ${offers.map(({ suffix }) => `Packages${suffix}`).join(", ")}`,
  });
}

function verifyHash(bytes: Buffer, { path, sha256, bytes: size }: ReleaseFile): void {
  const seen = createHash("sha256").update(bytes).digest("hex");
  if (bytes.length !== size || seen !== sha256) {
    throw untrusted(path, `its SHA-256 is ${seen}`, `${sha256} of the signed InRelease`);
  }
}

function untrusted(
  what: string,
  seen: string,
  needed = "a suite that its archive vouches for now",
) {
  return feedError("feed/untrusted", `use ${what}`, { seen, needed });
}
