import { debVersions } from "../../versions/deb-versions.ts";
import { type VersionScheme, versionSchemes } from "../../versions/version-scheme.ts";
import { type DistributionVerdict, verdicts } from "../advisory.ts";
import { typeOfEcosystem } from "../ecosystem.ts";
import { feedError } from "../feed-error.ts";
import { type Severity, severityLevels } from "../severity.ts";
import { type Column, parseColumns } from "./columns.ts";
import { StringTable } from "./string-table.ts";

/** What one advisory says of one version. */
export interface AdvisoryHit {
  readonly id: string;
  readonly cves: readonly string[];
  readonly feed: string;
  readonly verdict: DistributionVerdict;
  readonly reason: string | null;
  /** The first version without it; `null` where there is none yet. */
  readonly fixed: string | null;
  readonly severity: Severity | null;
  /** ISO 8601. */
  readonly published: string | null;
}

/** The newest that a suite offers of a package. */
export interface AvailableUpdate {
  readonly suite: string;
  readonly version: string;
  readonly source: { readonly name: string; readonly version: string };
}

/** A package that advisories speak of; opaque to all but its snapshot. */
export interface AdvisedName {
  readonly number: number;
  readonly scheme: VersionScheme;
}

/**
 * Advisories and updates, as a `SnapshotBuilder` made them: read from columns of numbers, without becoming
 * objects before they are asked for.
 */
export class AdvisorySnapshot {
  readonly #columns: Map<string, Column>;
  readonly #strings: StringTable;
  /** What is read for every version. */
  readonly #boundary: Column;
  readonly #rangeRow: Column;
  readonly #rangeFrom: Column;
  readonly #rangeTo: Column;
  /** Packages by ecosystem and name. */
  readonly #packages = new Map<string, Map<string, number>>();
  readonly #updates = new Map<string, Map<string, AvailableUpdate>>();

  /** Throws `feed/malformed`. */
  constructor(contents: Uint8Array) {
    this.#columns = parseColumns(contents);
    this.#strings = new StringTable(this.#column("stringBytes"), this.#column("stringEnds"));
    this.#boundary = this.#column("boundary");
    this.#rangeRow = this.#column("rangeRow");
    this.#rangeFrom = this.#column("rangeFrom");
    this.#rangeTo = this.#column("rangeTo");
    this.#indexPackages();
    this.#indexUpdates();
  }

  /** Rows: one for each advisory and package. */
  get size(): number {
    return this.#column("rowRecord").length;
  }

  /** Whether any advisory speaks of this ecosystem. */
  covers(ecosystem: string): boolean {
    return this.#packages.has(ecosystem);
  }

  /** The package that advisories speak of; `undefined` where none does. */
  find(ecosystem: string, name: string): AdvisedName | undefined {
    const number = this.#packages.get(ecosystem)?.get(name);
    const type = typeOfEcosystem(ecosystem);
    return number === undefined || type === undefined
      ? undefined
      : { number, scheme: versionSchemes[type] };
  }

  /** What advisories say of one version of it: a version of its scheme. */
  hits(advised: AdvisedName, version: string): readonly AdvisoryHit[] {
    return this.hitsAt(advised, this.placeOf(advised, version));
  }

  /** What advisories say of all versions at one place. */
  hitsAt({ number }: AdvisedName, place: number): readonly AdvisoryHit[] {
    const from = this.#rangeFrom;
    const to = this.#rangeTo;
    const [start, end] = spanOf(this.#column("packageRangesEnd"), number);
    const hits: AdvisoryHit[] = [];
    let last = -1;
    for (let range = start; range < end; range += 1) {
      if (place < (from[range] ?? 0) || place >= (to[range] ?? 0)) continue;
      const row = this.#rangeRow[range] ?? 0;
      if (row !== last) hits.push(this.#hit(row, range));
      last = row;
    }
    return hits;
  }

  /**
   * The place of a version among those that advisories name (see `SnapshotBuilder`); of all versions at one
   * place they say the same.
   */
  placeOf({ number, scheme }: AdvisedName, version: string): number {
    const boundaries = this.#boundary;
    const [start, end] = spanOf(this.#column("packageBoundariesEnd"), number);
    let low = start;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = scheme.compare(version, this.#strings.text(boundaries[middle] ?? 0));
      if (order === 0) return 2 * (middle - start) + 1;
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    return 2 * (low - start);
  }

  /** What the suites for this ecosystem offer of a package. */
  findUpdate(ecosystem: string, name: string, architecture: string): AvailableUpdate | undefined {
    return this.#updates.get(ecosystem)?.get(`${name}/${architecture}`);
  }

  /** Whether there is a suite for this ecosystem. */
  coversUpdates(ecosystem: string): boolean {
    return this.#updates.has(ecosystem);
  }

  #hit(row: number, range: number): AdvisoryHit {
    const at = (name: string, index: number) => this.#column(name)[index] ?? 0;
    const text = (name: string, index: number) => this.#strings.text(at(name, index));
    const record = at("rowRecord", row);
    const [firstCve, cvesEnd] = spanOf(this.#column("recordCvesEnd"), record);
    const cves = this.#column("recordCve").subarray(firstCve, cvesEnd);
    const published = at("recordPublished", record);
    const source = text("rowSource", row);
    const score = at("rowScore", row);
    const vector = text("rowVector", row);
    return {
      id: text("recordId", record),
      cves: Array.from(cves, (cve) => this.#strings.text(cve)),
      feed: text("recordFeed", record),
      verdict: verdicts[at("rowVerdict", row)] ?? "undetermined",
      reason: text("rowReason", row) || null,
      fixed: text("rangeFixed", range) || null,
      severity:
        source === ""
          ? null
          : {
              level: severityLevels[at("rowLevel", row)] ?? "unknown",
              ...(vector === "" ? {} : { vector }),
              ...(score === 0 ? {} : { score: score / 10 }),
              source,
            },
      published: published === 0 ? null : new Date(published * 1000).toISOString(),
    };
  }

  #indexPackages(): void {
    const ecosystems = this.#column("packageEcosystem");
    const names = this.#column("packageName");
    for (let i = 0; i < ecosystems.length; i += 1) {
      const ecosystem = this.#strings.text(ecosystems[i] ?? 0);
      const known = this.#packages.get(ecosystem) ?? new Map<string, number>();
      known.set(this.#strings.text(names[i] ?? 0), i);
      this.#packages.set(ecosystem, known);
    }
  }

  #indexUpdates(): void {
    const text = (name: string, i: number) => this.#strings.text(this.#column(name)[i] ?? 0);
    for (let suite = 0; suite < this.#column("suiteName").length; suite += 1) {
      const ecosystem = text("suiteEcosystem", suite);
      const known = this.#updates.get(ecosystem) ?? new Map<string, AvailableUpdate>();
      this.#updates.set(ecosystem, known);
      const [start, end] = spanOf(this.#column("suitePackagesEnd"), suite);
      for (let i = start; i < end; i += 1) {
        const key = `${text("availableName", i)}/${text("availableArchitecture", i)}`;
        const version = text("availableVersion", i);
        const other = known.get(key);
        if (other !== undefined && debVersions.compare(other.version, version) >= 0) continue;
        const source = {
          name: text("availableSource", i),
          version: text("availableSourceVersion", i),
        };
        known.set(key, { suite: text("suiteName", suite), version, source });
      }
    }
  }

  #column(name: string): Column {
    const column = this.#columns.get(name);
    if (column !== undefined) return column;
    throw feedError("feed/malformed", "read a snapshot of advisories", {
      seen: `it has no ${name}`,
      needed: "the columns of this version of Casemate",
    });
  }
}

/** From where to where the items of an owner go, when it is said where each owner's end. */
function spanOf(ends: Column, owner: number): readonly [start: number, end: number] {
  return [owner === 0 ? 0 : (ends[owner - 1] ?? 0), ends[owner] ?? 0];
}
