import { CasemateError } from "@casemate/core";

/** A file as a baseline has it. */
export interface BaselineFile {
  readonly path: string;
  readonly type: string;
  /** As `chmod` takes it: `0755`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Of a file: in bytes. */
  readonly size?: number;
  /** Of a file: of its contents, in hexadecimal. */
  readonly sha256?: string;
  /** Where a symbolic link leads. */
  readonly target?: string;
}

/** How chosen paths of a system were once: what later states are compared with. */
export interface Baseline {
  /** The globs that chose them. */
  readonly paths: readonly string[];
  readonly files: readonly BaselineFile[];
}

const API_VERSION = "casemate/v1";
const KIND = "Baseline";

/** A baseline as a file has it: JSON, a line a file. */
export function formatBaseline({ paths, files }: Baseline): string {
  const head = JSON.stringify({ apiVersion: API_VERSION, kind: KIND, paths });
  const sorted = files.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  const lines = sorted.map((file) => JSON.stringify(file)).join(",\n");
  return `${head.slice(0, -1)},"files":[\n${lines}\n]}\n`;
}

/** Throws `baseline/malformed`; `name` is the file's. */
export function parseBaseline(text: string, name: string): Baseline {
  const value = parseJson(text, name);
  if (!isRecord(value) || value["apiVersion"] !== API_VERSION || value["kind"] !== KIND) {
    throw malformed(name, "it is another document", `one of kind ${KIND} (${API_VERSION})`);
  }
  const { paths, files } = value;
  if (!Array.isArray(paths) || !paths.every((path) => typeof path === "string")) {
    throw malformed(name, "its paths are none", "a list of globs");
  }
  if (!Array.isArray(files)) throw malformed(name, "it has no files", "a list of them");
  return { paths, files: files.map((file: unknown, i) => parseFile(file, i, name)) };
}

function parseFile(value: unknown, i: number, name: string): BaselineFile {
  const { path, type, mode, uid, gid, size, sha256, target } = isRecord(value) ? value : {};
  const isWhole = [path, type, mode].every(isText) && [uid, gid].every(isCount);
  const isRight = [sha256, target].every((each) => each === undefined || isText(each));
  if (!isWhole || !isRight || (size !== undefined && !isCount(size))) {
    throw malformed(name, `file ${i + 1} of it is not whole`, "a path, type, mode, uid and gid");
  }
  return value as BaselineFile; // each of its fields was just looked at
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(name, cause instanceof Error ? cause.message : `${cause}`, "JSON");
  }
}

const isText = (value: unknown): boolean => typeof value === "string";
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function malformed(name: string, seen: string, needed: string): CasemateError {
  return new CasemateError(
    "baseline/malformed",
    `Cannot read baseline ${name}: ${seen}, expected ${needed}.`,
  );
}
