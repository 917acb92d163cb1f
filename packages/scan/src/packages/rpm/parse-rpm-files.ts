import { CasemateError } from "@casemate/core";

/** A file of a package, as rpm's header has it. HOSTILE: the guest says it. */
export interface RpmFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** As stat(2) has it: type and permission bits. */
  readonly mode: number;
  /** In hexadecimal; empty where it has none. */
  readonly digest: string;
  /** Where a symbolic link leads; empty where it is none. */
  readonly linkTo: string;
  /** Bits of `rpmFileFlags`. */
  readonly flags: number;
  /** Bits of `rpmVerifyFlags`: what is to be as it is here. */
  readonly verify: number;
  readonly user: string;
  readonly group: string;
  /** `rpmfileState`; 0 is a file that was installed. */
  readonly state: number;
}

/** What a header has of files, and the number of the algorithm of their digests (RFC 4880, section 9.4). */
export interface RpmFiles {
  readonly digestAlgorithm: number;
  readonly files: readonly RpmFile[];
}

/** rpm 4.18, docs/manual/tags.md. */
const TAG = {
  sizes: 1028,
  states: 1029,
  modes: 1030,
  digests: 1035,
  linkTos: 1036,
  flags: 1037,
  users: 1039,
  groups: 1040,
  verifyFlags: 1045,
  directoryIndexes: 1116,
  baseNames: 1117,
  directoryNames: 1118,
  longSizes: 5008,
  digestAlgorithm: 5011,
} as const;
const TAGS: ReadonlySet<number> = new Set(Object.values(TAG));

/** rpm, docs/manual/format_v4.md: types of values, and the bytes of each. */
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [2, 1],
  [3, 2],
  [4, 4],
  [5, 8],
]);
const STRING_ARRAY = 8;
const START = 8;
const ENTRY_BYTES = 16;
const MD5 = 1;
/** HOSTILE: kernels have 10,000 files. */
const MAX_FILES = 1_000_000;

/** The files in a header as the database has it. Throws `scan/damaged`. */
export function parseRpmFiles(blob: Buffer, path: string): RpmFiles {
  const values = readValues(blob, path);
  const numbers = (tag: number) => values.get(tag)?.numbers ?? [];
  const texts = (tag: number) => values.get(tag)?.texts ?? [];
  const names = texts(TAG.baseNames);
  const directories = texts(TAG.directoryNames);
  const indexes = numbers(TAG.directoryIndexes);
  if (indexes.length !== names.length) {
    throw damaged(path, `${indexes.length} directories of files`, `${names.length}`);
  }
  const sizes = numbers(TAG.longSizes).length > 0 ? numbers(TAG.longSizes) : numbers(TAG.sizes);
  const files = names.map((name, i): RpmFile => {
    const directory = directories[indexes[i] ?? -1];
    if (directory === undefined) throw damaged(path, `directory ${indexes[i]}`, "one of its own");
    return {
      path: `${directory}${name}`,
      size: sizes[i] ?? 0,
      mode: numbers(TAG.modes)[i] ?? 0,
      digest: texts(TAG.digests)[i] ?? "",
      linkTo: texts(TAG.linkTos)[i] ?? "",
      flags: numbers(TAG.flags)[i] ?? 0,
      verify: numbers(TAG.verifyFlags)[i] ?? -1,
      user: texts(TAG.users)[i] ?? "",
      group: texts(TAG.groups)[i] ?? "",
      state: numbers(TAG.states)[i] ?? 0,
    };
  });
  return { digestAlgorithm: numbers(TAG.digestAlgorithm)[0] ?? MD5, files };
}

interface Values {
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
}

function readValues(blob: Buffer, path: string): ReadonlyMap<number, Values> {
  if (blob.length < START) throw damaged(path, `a header of ${blob.length} bytes`, `${START}`);
  const data = START + blob.readUInt32BE(0) * ENTRY_BYTES;
  if (data + blob.readUInt32BE(4) > blob.length) {
    throw damaged(path, `a header of ${blob.length} bytes`, "its entries and their data");
  }
  const values = new Map<number, Values>();
  for (let at = START; at < data; at += ENTRY_BYTES) {
    const tag = blob.readUInt32BE(at);
    if (!TAGS.has(tag) || values.has(tag)) continue;
    const type = blob.readUInt32BE(at + 4);
    const start = data + blob.readUInt32BE(at + 8);
    const count = blob.readUInt32BE(at + 12);
    const width = WIDTHS.get(type) ?? 1;
    if (count > MAX_FILES || start + count * width > blob.length) {
      throw damaged(path, `${count} values of tag ${tag}`, "values within its data");
    }
    const texts = type === STRING_ARRAY ? readTexts(blob, start, count) : [];
    const numbers = WIDTHS.has(type) ? readNumbers(blob, start, count, width) : [];
    values.set(tag, { numbers, texts });
  }
  return values;
}

function readTexts(blob: Buffer, start: number, count: number): readonly string[] {
  const texts: string[] = [];
  for (let at = start; texts.length < count; ) {
    const end = blob.indexOf(0, at);
    if (end < 0) break;
    texts.push(blob.toString("utf8", at, end));
    at = end + 1;
  }
  return texts;
}

function readNumbers(blob: Buffer, start: number, count: number, width: number): readonly number[] {
  return Array.from({ length: count }, (_, i) =>
    width === 8
      ? Number(blob.readBigUInt64BE(start + i * width))
      : blob.readUIntBE(start + i * width, width),
  );
}

function damaged(path: string, seen: string, needed: string): CasemateError {
  return new CasemateError("scan/damaged", `Cannot read ${path}: ${seen}, expected ${needed}.`);
}
