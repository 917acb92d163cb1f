import { type PackageManifest, readPackageManifest } from "../integrity/package-manifest.ts";
import type { PackagedFile } from "../integrity/packaged-file.ts";
import type { Look } from "../look.ts";
import type { Survey } from "../survey.ts";
import type { VisitedFile } from "../visitor.ts";
import { classifyFile } from "./classify-file.ts";
import { findOwner } from "./find-owner.ts";
import { MappedFiles } from "./mapped-files.ts";
import { PackageTally } from "./package-tally.ts";
import type { PackageUse } from "./package-use.ts";
import type { RunningMemory } from "./running-memory.ts";

/** Where the lists of packages' files are: what is missed there, but for checksums, is missing of them. */
const DATABASES =
  /^\/(?:var\/lib\/(?:dpkg|rpm)|usr\/lib\/sysimage\/rpm|(?:usr\/)?lib\/apk)(?:\/|$)/;
/** Of the kernel with the release in its path: no process maps these. */
const KERNEL = /^(?:\/boot\/vmlinu[xz]-|(?:\/usr)?\/lib\/modules\/)([^/]+)/;
/** Where packages have no programs: that such a file is not there is no wonder. */
const NO_PROGRAMS = /^\/(?:usr\/share|usr\/include|etc|var|run|home|srv)\//;

/** For each package whether a process has its files in memory. */
export function packageUses(memory: RunningMemory): Survey<PackageUse> {
  return {
    id: "packageUses/mappings",
    begin(look) {
      const manifest = readPackageManifest(look);
      const uses = new Uses(look, manifest, memory);
      return {
        wants: (path, { type }) => (uses.see(path) && type === "file" ? "stat" : "nothing"),
        // biome-ignore lint/correctness/useYield: what it sees counts for a whole package, told at the end
        *visit(file) {
          uses.visit(file);
        },
        end: () => uses.end(),
      };
    },
  };
}

/** What all packages are used for, as the walk goes on. */
class Uses {
  readonly #look: Look;
  readonly #manifest: PackageManifest;
  readonly #memory: RunningMemory;
  readonly #mapped: MappedFiles;
  readonly #tallies = new Map<
    string,
    { readonly of: PackagedFile; readonly tally: PackageTally }
  >();
  readonly #seen = new Set<string>();

  constructor(look: Look, manifest: PackageManifest, memory: RunningMemory) {
    this.#look = look;
    this.#manifest = manifest;
    this.#memory = memory;
    this.#mapped = new MappedFiles(memory);
  }

  /** Whether the path is any package's. */
  see(path: string): boolean {
    if (!this.#manifest.files.has(path)) return false;
    this.#seen.add(path);
    return true;
  }

  visit(file: VisitedFile): void {
    const { path, stat } = file;
    const tallies = (this.#manifest.files.get(path) ?? []).map((claim) => this.#tallyOf(claim));
    const use = this.#mapped.find(path, stat.inode);
    for (const tally of tallies) tally.use(path, use);
    const release = KERNEL.exec(path)?.[1];
    try {
      const kind = release === undefined ? classifyFile(file) : "data";
      for (const tally of tallies) {
        tally.count(kind);
        if (release !== undefined) tally.countKernel(release);
      }
    } catch (thrown) {
      for (const tally of tallies) tally.miss(path);
      throw thrown;
    }
  }

  *end(): Generator<PackageUse> {
    const absent = this.#findUnseen();
    this.#useDeleted();
    const missed = new Set(this.#look.missed.map(({ what }) => what));
    for (const path of absent) {
      if (!isBelow(path, missed)) continue;
      for (const claim of this.#manifest.files.get(path) ?? []) this.#tallyOf(claim).miss(path);
    }
    const [release] = this.#memory.kernel.rows;
    const whole = { release: release?.release, gap: this.#findGap(missed) };
    for (const { of, tally } of this.#tallies.values()) {
      const state = tally.conclude(this.#mapped.witness, whole);
      yield { package: of.package, type: of.packageType, ...state };
    }
  }

  /** The files that the walk did not come past; those that are there, behind a link on the way, are missed. */
  #findUnseen(): readonly string[] {
    const absent: string[] = [];
    for (const [path, claims] of this.#manifest.files) {
      const tallies = claims.map((claim) => this.#tallyOf(claim));
      if (this.#seen.has(path) || NO_PROGRAMS.test(path)) continue;
      if (this.#look.open(path) === undefined) absent.push(path);
      else for (const tally of tallies) tally.miss(path);
    }
    return absent;
  }

  /** Files that are mapped and have no name any more: of the package that has their name now. */
  #useDeleted(): void {
    for (const mapping of this.#memory.mappings.rows) {
      const { path, deleted, pids } = mapping;
      if (!deleted || this.#seen.has(path) || this.#mapped.isOfSystem(mapping) === false) continue;
      const owner = findOwner(this.#manifest, path);
      if (owner !== undefined) {
        this.#tallyOf(owner).use(path, { current: [], old: pids, doubtful: [] });
      }
    }
  }

  #findGap(missed: ReadonlySet<string>): string | undefined {
    const [gap] = this.#mapped.gaps;
    if (gap !== undefined) return gap.reason;
    const list = [...missed].find((what) => DATABASES.test(what) && !what.endsWith(".md5sums"));
    return list === undefined ? undefined : `Cannot read all lists of packages' files: ${list}.`;
  }

  #tallyOf(of: PackagedFile): PackageTally {
    const key = `${of.packageType} ${of.package}`;
    const known = this.#tallies.get(key);
    if (known !== undefined) return known.tally;
    const tally = new PackageTally();
    this.#tallies.set(key, { of, tally });
    return tally;
  }
}

/** Whether the path, or a directory that it is in, is among `places`. */
function isBelow(path: string, places: ReadonlySet<string>): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (places.has(path.slice(0, end))) return true;
  }
  return places.has("/");
}
