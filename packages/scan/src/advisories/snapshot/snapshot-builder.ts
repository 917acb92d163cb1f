import { type VersionScheme, versionSchemes } from "../../versions/version-scheme.ts";
import { type Advisory, type VersionRange, verdicts } from "../advisory.ts";
import type { ArchiveSuite } from "../archive/read-archive-suite.ts";
import { typeOfEcosystem } from "../ecosystem.ts";
import { severityLevels } from "../severity.ts";
import { formatColumns } from "./columns.ts";
import { StringTableBuilder } from "./string-table.ts";

/** What a feed gave to a snapshot. */
export interface FeedSummary {
  /** As the caller calls it. */
  readonly name: string;
  readonly advisories: number;
  /** What in it could not be understood. */
  readonly skipped: number;
}

/** Advisories of one package of one ecosystem. */
interface PackageAdvisories {
  readonly ecosystem: string;
  readonly name: string;
  readonly scheme: VersionScheme;
  readonly advisories: { readonly advisory: Advisory; readonly feed: string }[];
}

/**
 * Makes a snapshot out of feeds: columns of numbers, in which versions are places in their package's order.
 *
 * For each package, the versions that any of its advisories names stand in order (its boundaries, numbered from
 * 0); place 2i + 1 is boundary i, place 2i what lies before it. A range of versions is a range of places, so
 * that matching compares an installed version with few others, once, and then only numbers.
 */
export class SnapshotBuilder {
  readonly #packages = new Map<string, PackageAdvisories>();
  readonly #feeds = new Map<string, { advisories: number; skipped: number }>();
  readonly #suites: ArchiveSuite[] = [];
  readonly #wants: (ecosystem: string) => boolean;

  /** @param wants says which ecosystems to keep, so that a snapshot is no larger than the systems need. */
  constructor(wants: (ecosystem: string) => boolean = () => true) {
    this.#wants = wants;
  }

  get feeds(): readonly FeedSummary[] {
    return [...this.#feeds].map(([name, counts]) => ({ name, ...counts }));
  }

  /** Takes what a feed says, `skipped` being what could not be understood of it. */
  addAdvisories(feed: string, advisories: readonly Advisory[], skipped: number): void {
    const counts = this.#countsOf(feed);
    counts.skipped += skipped;
    for (const advisory of advisories) {
      if (!this.#wants(advisory.ecosystem)) continue;
      const type = typeOfEcosystem(advisory.ecosystem);
      if (type === undefined || !advisory.affected.every(isReadable(versionSchemes[type]))) {
        counts.skipped += 1;
        continue;
      }
      counts.advisories += 1;
      const key = `${advisory.ecosystem}\0${advisory.package}`;
      let known = this.#packages.get(key);
      if (known === undefined) {
        const { ecosystem, package: name } = advisory;
        known = { ecosystem, name, scheme: versionSchemes[type], advisories: [] };
        this.#packages.set(key, known);
      }
      known.advisories.push({ advisory, feed });
    }
  }

  /** Takes a suite of updates; a newer state of one that is there already replaces it. */
  addSuite(suite: ArchiveSuite): void {
    const at = this.#suites.findIndex(({ name }) => name === suite.name);
    if (at === -1) this.#suites.push(suite);
    else this.#suites[at] = suite;
    this.#countsOf(suite.name).advisories = suite.packages.length;
  }

  /** The snapshot's contents: the same whatever order the feeds came in. */
  finish(): Buffer {
    const table = new SnapshotTable();
    for (const [, advised] of [...this.#packages].sort(([a], [b]) => (a < b ? -1 : 1))) {
      table.addPackage(advised);
    }
    for (const suite of this.#suites.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      table.addSuite(suite);
    }
    return table.finish();
  }

  #countsOf(feed: string): { advisories: number; skipped: number } {
    const known = this.#feeds.get(feed) ?? { advisories: 0, skipped: 0 };
    this.#feeds.set(feed, known);
    return known;
  }
}

const isReadable = (scheme: VersionScheme) => (range: VersionRange) =>
  versionsOf(range).every((version) => scheme.isVersion(version));

const versionsOf = ({ introduced, fixed, lastAffected }: VersionRange) =>
  [introduced, fixed, lastAffected].filter((version) => version !== undefined);

/** The columns while they grow. */
class SnapshotTable {
  readonly #strings = new StringTableBuilder();
  readonly #records = new Map<string, number>();
  readonly #columns = {
    packageEcosystem: [] as number[],
    packageName: [] as number[],
    packageRangesEnd: [] as number[],
    packageBoundariesEnd: [] as number[],
    boundary: [] as number[],
    rowRecord: [] as number[],
    rowVerdict: [] as number[],
    rowReason: [] as number[],
    rowLevel: [] as number[],
    rowScore: [] as number[],
    rowVector: [] as number[],
    rowSource: [] as number[],
    rangeRow: [] as number[],
    rangeFrom: [] as number[],
    rangeTo: [] as number[],
    rangeFixed: [] as number[],
    recordId: [] as number[],
    recordCvesEnd: [] as number[],
    recordCve: [] as number[],
    recordPublished: [] as number[],
    recordModified: [] as number[],
    recordFeed: [] as number[],
    suiteName: [] as number[],
    suiteEcosystem: [] as number[],
    suiteDate: [] as number[],
    suitePackagesEnd: [] as number[],
    availableName: [] as number[],
    availableArchitecture: [] as number[],
    availableVersion: [] as number[],
    availableSource: [] as number[],
    availableSourceVersion: [] as number[],
  };

  addPackage({ ecosystem, name, scheme, advisories }: PackageAdvisories): void {
    const columns = this.#columns;
    const boundaries = sortBoundaries(
      advisories.map(({ advisory }) => advisory),
      scheme,
    );
    // That a package is not affected is worth keeping only where another advisory says that it is.
    const contested = new Set(
      advisories.flatMap(({ advisory }) =>
        advisory.verdict === "not-affected" ? [] : vulnerabilitiesOf(advisory),
      ),
    );
    const rows = advisories
      .filter(
        ({ advisory }) =>
          advisory.verdict !== "not-affected" ||
          vulnerabilitiesOf(advisory).some((name) => contested.has(name)),
      )
      .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    for (const { advisory, feed } of rows) {
      const { severity } = advisory;
      columns.rowRecord.push(this.#record(advisory, feed));
      columns.rowVerdict.push(verdicts.indexOf(advisory.verdict));
      columns.rowReason.push(this.#strings.number(advisory.reason ?? ""));
      columns.rowLevel.push(severityLevels.indexOf(severity?.level ?? "unknown"));
      columns.rowScore.push(Math.round((severity?.score ?? 0) * 10));
      columns.rowVector.push(this.#strings.number(severity?.vector ?? ""));
      columns.rowSource.push(this.#strings.number(severity?.source ?? ""));
      // What is not affected is heard for every version.
      const ranges = advisory.verdict === "not-affected" ? [{}] : advisory.affected;
      for (const range of ranges) this.#addRange(range, boundaries);
    }
    for (const version of boundaries.sorted) columns.boundary.push(this.#strings.number(version));
    columns.packageEcosystem.push(this.#strings.number(ecosystem));
    columns.packageName.push(this.#strings.number(name));
    columns.packageRangesEnd.push(columns.rangeRow.length);
    columns.packageBoundariesEnd.push(columns.boundary.length);
  }

  #addRange(
    { introduced, fixed, lastAffected }: VersionRange,
    { places, sorted }: Boundaries,
  ): void {
    const placeOf = (version: string) => places.get(version) ?? 0;
    const columns = this.#columns;
    columns.rangeRow.push(columns.rowRecord.length - 1);
    columns.rangeFrom.push(introduced === undefined ? 0 : placeOf(introduced));
    columns.rangeTo.push(
      fixed !== undefined
        ? placeOf(fixed)
        : lastAffected !== undefined
          ? placeOf(lastAffected) + 1
          : 2 * sorted.length + 1,
    );
    columns.rangeFixed.push(this.#strings.number(fixed ?? ""));
  }

  #record(advisory: Advisory, feed: string): number {
    const key = `${feed}\0${advisory.id}\0${advisory.modified ?? ""}`;
    const known = this.#records.get(key);
    if (known !== undefined) return known;
    const columns = this.#columns;
    const number = columns.recordId.length;
    this.#records.set(key, number);
    columns.recordId.push(this.#strings.number(advisory.id));
    for (const cve of advisory.cves) columns.recordCve.push(this.#strings.number(cve));
    columns.recordCvesEnd.push(columns.recordCve.length);
    columns.recordPublished.push(secondsOf(advisory.published));
    columns.recordModified.push(secondsOf(advisory.modified));
    columns.recordFeed.push(this.#strings.number(feed));
    return number;
  }

  addSuite({ name, ecosystem, date, packages }: ArchiveSuite): void {
    const columns = this.#columns;
    for (const available of packages) {
      columns.availableName.push(this.#strings.number(available.name));
      columns.availableArchitecture.push(this.#strings.number(available.architecture));
      columns.availableVersion.push(this.#strings.number(available.version));
      columns.availableSource.push(this.#strings.number(available.source.name));
      columns.availableSourceVersion.push(this.#strings.number(available.source.version));
    }
    columns.suiteName.push(this.#strings.number(name));
    columns.suiteEcosystem.push(this.#strings.number(ecosystem));
    columns.suiteDate.push(secondsOf(date));
    columns.suitePackagesEnd.push(columns.availableName.length);
  }

  finish(): Buffer {
    const { bytes, ends } = this.#strings.finish();
    const numbers = Object.entries(this.#columns).map(([name, column]) => [
      name,
      asColumn(name, column),
    ]);
    return formatColumns({ stringBytes: bytes, stringEnds: ends, ...Object.fromEntries(numbers) });
  }
}

/** Columns whose numbers are below 256. */
const small = new Set(["rowVerdict", "rowLevel", "rowScore"]);

const asColumn = (name: string, column: readonly number[]) =>
  small.has(name) ? Uint8Array.from(column) : Uint32Array.from(column);

/** Under which names a finding is one with others: its CVEs, else its own. */
const vulnerabilitiesOf = ({ cves, id }: Advisory) => (cves.length === 0 ? [id] : cves);

const keyOf = ({ advisory, feed }: { readonly advisory: Advisory; readonly feed: string }) =>
  `${advisory.cves[0] ?? advisory.id}\0${advisory.id}\0${feed}`;

/** A package's boundaries in order, and the place of every version that was written, whichever way. */
interface Boundaries {
  readonly sorted: readonly string[];
  readonly places: ReadonlyMap<string, number>;
}

function sortBoundaries(advisories: readonly Advisory[], scheme: VersionScheme): Boundaries {
  const versions = new Set(advisories.flatMap(({ affected }) => affected.flatMap(versionsOf)));
  const written = [...versions].sort((a, b) => scheme.compare(a, b) || (a < b ? -1 : 1));
  const sorted: string[] = [];
  const places = new Map<string, number>();
  for (const version of written) {
    const last = sorted.at(-1);
    if (last === undefined || scheme.compare(last, version) !== 0) sorted.push(version);
    places.set(version, 2 * sorted.length - 1);
  }
  return { sorted, places };
}

/** Seconds since 1970 of an ISO 8601 time; 0 where there is none. */
function secondsOf(time: string | undefined): number {
  const milliseconds = time === undefined ? Number.NaN : Date.parse(time);
  return milliseconds > 0 ? Math.floor(milliseconds / 1000) : 0;
}
