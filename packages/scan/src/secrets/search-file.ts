import { MiB } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import type { Fingerprint } from "./fingerprint.ts";
import { LineCounter } from "./line-counter.ts";
import { lineRules } from "./rules/line-rules.ts";
import { SEEN_AT_MOST, SEEN_BEFORE, type SearchedFile, searchSecrets } from "./search-secrets.ts";
import type { FoundCredential, FoundKey } from "./secret.ts";

/** Longer files are searched up to here. */
export const MAX_SEARCHED = 64 * MiB;
const CHUNK = MiB;

/** For all files, one after the other. */
const buffer = Buffer.allocUnsafeSlow(SEEN_BEFORE + CHUNK + SEEN_AT_MOST);

/** Secrets in a file's first bytes, in their order, as often as they are there. Throws `disk/*`. */
export function* searchFile(
  contents: BlockReader,
  file: SearchedFile,
  fingerprint: Fingerprint,
): Generator<FoundKey | FoundCredential> {
  const { path, isText } = file;
  const size = Math.min(contents.size, MAX_SEARCHED);
  const lines = new LineCounter();
  let before = 0;
  for (let start = 0; start < size; start += CHUNK) {
    const bytes = buffer.subarray(0, before + Math.min(size - start, CHUNK + SEEN_AT_MOST));
    contents.read(start - before, bytes);
    const to = Math.min(before + CHUNK, bytes.length);
    if (start === 0 && isText) yield* searchLines(bytes, path, fingerprint);
    for (const { at, secret } of searchSecrets(bytes, file, fingerprint, { from: before, to })) {
      const place = isText ? { path, line: lines.lineAt(bytes, at) } : { path };
      yield secret.kind === "private-key"
        ? { ...secret, ...place }
        : { ...secret, ...place, count: 1 };
    }
    before = SEEN_BEFORE;
    if (isText) lines.next(bytes, to, before);
  }
}

/** Files of such lines are short: they have no second chunk. */
function* searchLines(
  bytes: Buffer,
  path: string,
  fingerprint: Fingerprint,
): Generator<FoundCredential> {
  for (const { id: rule, severity, files, pattern } of lineRules) {
    if (!files.test(path)) continue;
    for (const [i, text] of bytes.toString("latin1").split("\n").entries()) {
      const secret = pattern.exec(text)?.groups?.["secret"];
      if (secret === undefined) continue;
      const place = { path, line: i + 1, fingerprint: fingerprint(secret) };
      yield { kind: "credential", rule, severity, ...place, count: 1 };
    }
  }
}
