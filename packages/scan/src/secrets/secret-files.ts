import { CasemateError, KiB, MiB } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import type { VisitedFile, Visitor } from "../visitor.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { lineRules } from "./rules/line-rules.ts";
import { type SearchedFile, SEEN_AT_MOST, SEEN_BEFORE, searchSecrets } from "./search-secrets.ts";
import type { FoundCredential, FoundKey } from "./secret.ts";

/** Longer files are searched up to here, and said to be. */
const MAX_BYTES = 64 * MiB;
const CHUNK = MiB;
/** Bytes without a NUL among the first: grep's rule. */
const TEXT_BYTES = 4 * KiB;
/** HOSTILE: different ones in one file; a file that is a list of secrets is known as such by then. */
const MAX_FOUND = 1_000;

/** What packages put there and nobody else, but for what an administrator adds. */
const PACKAGED = /^\/(?:usr\/(?!local\/)|lib(?:32|64|x32)?\/|s?bin\/|boot\/)/;
/** What is not looked into: documents, indexes of packages, data of tests, all of packages' makers. */
const OMITTED = [
  /^\/usr\/share\/(?:doc|man|info|locale|i18n|zoneinfo|help|icons|fonts)\//,
  /^\/usr\/.*\/(?:tests?|testdata|test-data|testsuite|examples?)\//,
  /^\/(?:usr\/)?lib\/(?:modules|firmware)\//,
  /^\/var\/lib\/(?:dpkg\/info|apt\/lists|rpm)\/|^\/var\/lib\/dpkg\/(?:status|available)(?:-old)?$/,
  /^\/etc\/ssh\/moduli$|^\/etc\/ssl\/certs\//,
];

/** What `secretFiles` leaves out on purpose. */
export const omittedOfSecretFiles: readonly string[] = [
  "documents, manuals, fonts and translations below /usr/share",
  "tests and examples of packages below /usr",
  "kernel modules and firmware",
  "lists of packages of dpkg, apt and rpm",
  "compressed files and archives",
  "programs and libraries of packages, where they are not text",
];

/** Private keys, tokens and passwords in any file. */
export function secretFiles(fingerprint: Fingerprint): Visitor<FoundKey | FoundCredential> {
  /** For all files of a walk, one after the other. */
  let buffer: Buffer | undefined;
  return {
    id: "secrets/files",
    wants(path, { type, size }) {
      if (type !== "file" || size < 8) return "nothing";
      return OMITTED.some((omitted) => omitted.test(path)) ? "nothing" : "contents";
    },
    *visit(visited) {
      const { path } = visited;
      const isText = !visited.head(TEXT_BYTES).includes(0);
      const isPackaged = PACKAGED.test(path);
      if (!isText && isPackaged) return;
      buffer ??= Buffer.allocUnsafeSlow(SEEN_BEFORE + CHUNK + SEEN_AT_MOST);
      const found = new Map<string, FoundKey | FoundCredential>();
      for (const row of searchFile(visited, { path, isText, isPackaged }, fingerprint, buffer)) {
        const key = `${row.rule} ${row.fingerprint}`;
        const known = found.get(key);
        if (known === undefined && found.size >= MAX_FOUND) {
          yield* found.values();
          throw tooMany(path);
        }
        if (known === undefined) found.set(key, row);
        else if (known.kind !== "private-key") found.set(key, { ...known, count: known.count + 1 });
      }
      yield* found.values();
      if (visited.contents().size > MAX_BYTES) throw tooLong(path, visited.contents().size);
    },
  };
}

function* searchFile(
  visited: VisitedFile,
  file: SearchedFile,
  fingerprint: Fingerprint,
  buffer: Buffer,
): Generator<FoundKey | FoundCredential> {
  const { path } = file;
  const contents = visited.contents();
  const size = Math.min(contents.size, MAX_BYTES);
  const forLines = file.isText ? lineRules.filter(({ files }) => files.test(path)) : [];
  const lines = new LineCounter();
  for (let start = 0; start < size; start += CHUNK) {
    const first = Math.max(0, start - SEEN_BEFORE);
    const bytes = buffer.subarray(0, Math.min(size, start + CHUNK + SEEN_AT_MOST) - first);
    readAll(visited, contents, { start: first, bytes });
    const from = start - first;
    const to = Math.min(from + CHUNK, bytes.length);
    for (const { at, secret } of searchSecrets(bytes, file, fingerprint, { from, to })) {
      const place = file.isText ? { path, line: lines.count(bytes, from, at) } : { path };
      yield secret.kind === "private-key" ? { ...secret, ...place } : { ...secret, ...place, count: 1 };
    }
    // Files of this sort have a few lines: what is beyond the first chunk is no such file's.
    if (start === 0) {
      for (const [i, line] of (forLines.length === 0 ? "" : bytes.toString("latin1")).split("\n").entries()) {
        for (const { pattern, id, severity } of forLines) {
          const secret = pattern.exec(line)?.groups?.["secret"];
          if (secret === undefined) continue;
          const place = { path, line: i + 1, fingerprint: fingerprint(secret) };
          yield { kind: "credential", rule: id, severity, ...place, count: 1 };
        }
      }
    }
    lines.end(bytes, from, to);
  }
}
