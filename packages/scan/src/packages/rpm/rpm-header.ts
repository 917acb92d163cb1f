import { CasemateError } from "@casemate/core";

/** What rpm's header says of an installed package. HOSTILE: the guest says it. */
export interface RpmHeader {
  readonly name: string;
  readonly epoch?: number;
  readonly version: string;
  readonly release: string;
  readonly architecture?: string;
  /** The file name of the source package. */
  readonly sourceRpm?: string;
}

/** rpm 4.18, docs/manual/tags.md. */
const TAG = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  architecture: 1022,
  sourceRpm: 1044,
} as const;
/** rpm, docs/manual/hregions.md and format_v4.md: types of values. */
const INT32 = 4;
const STRING = 6;
/** The counts of entries and of bytes, then the entries: tag, type, offset, count. All big-endian. */
const START = 8;
const ENTRY_BYTES = 16;
const MAX_VALUE = 4096;

/** A header as the database has it, without the magic that it has in a file. Throws `scan/damaged`. */
export function parseRpmHeader(blob: Buffer, path: string): RpmHeader {
  if (blob.length < START) throw damaged(path, `a header of ${blob.length} bytes`, `${START}`);
  const entries = blob.readUInt32BE(0);
  const data = START + entries * ENTRY_BYTES;
  if (data + blob.readUInt32BE(4) > blob.length) {
    throw damaged(path, `a header of ${blob.length} bytes`, `${entries} entries and their data`);
  }
  const values = new Map<number, string | number>();
  for (let at = START; at < data; at += ENTRY_BYTES) {
    const tag = blob.readUInt32BE(at);
    const type = blob.readUInt32BE(at + 4);
    const start = data + blob.readUInt32BE(at + 8);
    if (tag < TAG.name || tag > TAG.sourceRpm || values.has(tag)) continue;
    if (type === INT32 && start + 4 <= blob.length) values.set(tag, blob.readUInt32BE(start));
    if (type === STRING) values.set(tag, stringFrom(blob, start));
  }
  const text = (tag: number) => {
    const value = values.get(tag);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const epoch = values.get(TAG.epoch);
  const name = text(TAG.name);
  const version = text(TAG.version);
  const release = text(TAG.release);
  const architecture = text(TAG.architecture);
  const sourceRpm = text(TAG.sourceRpm);
  if (name === undefined || version === undefined || release === undefined) {
    throw damaged(path, "a header that lacks one of them", "a name, a version and a release");
  }
  return {
    ...{ name, version, release },
    ...(typeof epoch === "number" ? { epoch } : {}),
    ...(architecture === undefined ? {} : { architecture }),
    ...(sourceRpm === undefined ? {} : { sourceRpm }),
  };
}

function stringFrom(blob: Buffer, start: number): string {
  const end = blob.indexOf(0, start);
  return end < 0 || end - start > MAX_VALUE ? "" : blob.toString("utf8", start, end);
}

function damaged(path: string, seen: string, needed: string): CasemateError {
  return new CasemateError("scan/damaged", `Cannot read ${path}: ${seen}, expected ${needed}.`);
}
