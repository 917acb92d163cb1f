import { CasemateError, type ErrorCode } from "@casemate/core";
import type {
  Amount,
  Coverage,
  Found,
  InstalledPackage,
  Missed,
  OsRelease,
  Section,
  Sections,
  VolumeDescription,
} from "@casemate/scan";
import { inventory } from "@casemate/scan/inventory";
import { runningTables } from "@casemate/scan/running-tables";
import { isRecord, parseFailure, parseRow } from "../confined/parse-row.ts";
import type { VmScanRows } from "../vm-scan.ts";
import { type ScannerAnswer, scannerCodes } from "./messages.ts";

const limits = {
  rows: 250_000,
  volumes: 10_000,
  words: 1_000,
  text: 64 * 1024,
};

/**
 * The scanner's answer as a checked value: what is stored and compared of it field by field, what is only
 * shown as rows of plain values.
 *
 * HOSTILE: the scanner may be in a guest's hands. Throws `inspect/crashed` for what does not fit.
 */
export function parseScan(value: unknown): ScannerAnswer {
  if (!isRecord(value)) throw unfit("no object");
  const { error, done, os, volumes, found, missed, coverage } = value;
  if (done === true) return { done };
  if (isRecord(error)) return { error: parseFailure(error, scannerCodes, unfit) };
  return {
    ...(os === undefined ? {} : { os: parseOs(os) }),
    volumes: listOf(volumes, limits.volumes).map(parseVolume),
    found: parseFound(found),
    missed: listOf(missed, limits.rows).map(parseMissed),
    coverage: parseCoverage(coverage),
  };
}

function parseOs(value: unknown): OsRelease {
  const { id, idLike, versionId, codename, prettyName } = recordOf(value);
  return {
    id: textOf(id),
    idLike: listOf(idLike, limits.words).map(textOf),
    ...(versionId === undefined ? {} : { versionId: textOf(versionId) }),
    ...(codename === undefined ? {} : { codename: textOf(codename) }),
    ...(prettyName === undefined ? {} : { prettyName: textOf(prettyName) }),
  };
}

const states: ReadonlySet<unknown> = new Set(["read", "unreadable", "none"]);

function parseVolume(value: unknown): VolumeDescription {
  const { name, mountedAt, state, size, ...rest } = recordOf(value);
  if (!states.has(state)) throw unfit("a volume of no known state");
  for (const each of Object.values(rest)) textOf(each);
  return {
    ...rest,
    ...(size === undefined ? {} : { size: numberOf(size) }),
    name: textOf(name),
    mountedAt: listOf(mountedAt, limits.words).map(textOf),
    state: state as VolumeDescription["state"], // one of them, as was just seen
  };
}

const sections: Sections<VmScanRows> = { ...inventory, ...runningTables };

function parseFound(value: unknown): Found<VmScanRows> {
  const found: { [name: string]: readonly object[] } = {};
  for (const [name, rows] of Object.entries(recordOf(value))) {
    if (!Object.hasOwn(sections, name)) throw unfit("a section of no known name");
    const { columns }: Pick<Section<never>, "columns"> = sections[name as keyof VmScanRows]; // it has it, as was just seen
    found[name] = listOf(rows, limits.rows).map((row) => {
      const parsed = name === "packages" ? parsePackage(row) : parseRow(row, unfit);
      verifyShown(parsed, columns);
      return parsed;
    });
  }
  // Names were seen to be sections'; what their rows are is what the scanner says.
  return found as Found<VmScanRows>;
}

/** What a row lacks that people are shown, or has of another kind, would break whoever shows it. */
function verifyShown(row: object, columns: Section<never>["columns"]): void {
  try {
    if (columns.every(({ text }) => typeof text(row as never) === "string")) return; // whatever it is
  } catch {
    // A field is not what its section says.
  }
  throw unfit("a row that its section cannot show");
}

const types: ReadonlySet<unknown> = new Set<InstalledPackage["type"]>([
  "deb",
  "rpm",
  "apk",
  "pypi",
  "npm",
  "golang",
  "cargo",
]);

function parsePackage(value: unknown): InstalledPackage {
  const { type, name, version, architecture, source, purl, from, partOf } = recordOf(value);
  if (!types.has(type)) throw unfit("a package of no known type");
  return {
    type: type as InstalledPackage["type"], // one of them, as was just seen
    name: textOf(name),
    version: textOf(version),
    ...(architecture === undefined ? {} : { architecture: textOf(architecture) }),
    ...(source === undefined ? {} : { source: parseSource(source) }),
    purl: textOf(purl),
    from: textOf(from),
    ...(partOf === undefined ? {} : { partOf: textOf(partOf) }),
  };
}

function parseSource(value: unknown): { readonly name: string; readonly version: string } {
  const { name, version } = recordOf(value);
  return { name: textOf(name), version: textOf(version) };
}

function parseMissed(value: unknown): Missed {
  const { what, code, reason } = recordOf(value);
  const known = typeof code === "string" && scannerCodes.has(code) ? code : "inspect/crashed";
  return { what: textOf(what), code: known as ErrorCode, reason: textOf(reason) }; // a code of ours
}

function parseCoverage(value: unknown): Coverage {
  const { volumes, bytes, files } = recordOf(value);
  return {
    volumes: parseAmount(volumes),
    bytes: parseAmount(bytes),
    ...(files === undefined ? {} : { files: parseAmount(files) }),
  };
}

function parseAmount(value: unknown): Amount {
  const { read, total } = recordOf(value);
  return { read: numberOf(read), total: numberOf(total) };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw unfit("no object where one is to be");
}

function listOf(value: unknown, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw unfit("no list where one is to be");
}

function textOf(value: unknown): string {
  if (typeof value === "string" && value.length <= limits.text) return value;
  throw unfit("no text where one is to be");
}

function numberOf(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw unfit("no number where one is to be");
}

function unfit(seen: string): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    `Cannot take the scanner's answer: ${seen}, expected a scan or an error.`,
  );
}
