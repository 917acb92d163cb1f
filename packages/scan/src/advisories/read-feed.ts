import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ParsedFeed } from "./advisory.ts";
import { feedError } from "./feed-error.ts";
import { parseDebianTracker } from "./parse-debian-tracker.ts";
import { parseOsv } from "./parse-osv.ts";
import { walkJsonMembers } from "./walk-json-members.ts";
import { readZip } from "./zip-archive.ts";

/** What a feed's files hold. */
export type FeedFormat = "osv" | "debian-tracker";

/** The tracker's document has some 70 MiB; this is where sense ends. */
const MAX_DOCUMENT_BYTES = 512 * 1024 * 1024;

/**
 * What a feed says, part by part.
 *
 * OSV: a record or an array of records (`.json`), a directory of them, or the archive that OSV publishes of an
 * ecosystem (`all.zip`). Debian's tracker: its one document. Throws `feed/malformed`, `feed/too-large`.
 */
export async function* readFeed(
  format: FeedFormat,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<ParsedFeed> {
  switch (format) {
    case "osv":
      yield* readOsv(path, signal);
      return;
    case "debian-tracker": {
      const bytes = await readDocument(path);
      for (const [source, issues] of walkJsonMembers(bytes, path)) {
        signal?.throwIfAborted();
        yield parseDebianTracker(source, issues);
      }
      return;
    }
  }
}

async function* readOsv(path: string, signal?: AbortSignal): AsyncGenerator<ParsedFeed> {
  if ((await stat(path)).isDirectory()) {
    const names = await readdir(path, { recursive: true });
    for (const name of names.filter(isRecord).sort()) yield* readOsv(join(path, name), signal);
    return;
  }
  signal?.throwIfAborted();
  if (path.endsWith(".zip")) {
    for await (const { name, contents } of readZip(path, isRecord)) {
      signal?.throwIfAborted();
      yield parseOsv(parseJson(contents, `${name} of ${path}`));
    }
    return;
  }
  const document = parseJson(await readDocument(path), path);
  for (const record of Array.isArray(document) ? document : [document]) yield parseOsv(record);
}

const isRecord = (name: string) => name.endsWith(".json");

async function readDocument(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size <= MAX_DOCUMENT_BYTES) return readFile(path);
  throw feedError("feed/too-large", `read ${path}`, {
    seen: `it has ${size} bytes`,
    needed: `${MAX_DOCUMENT_BYTES} at most`,
  });
}

function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw feedError("feed/malformed", `read ${what}`, {
      seen: "it is not JSON",
      needed: "an OSV record",
      cause,
    });
  }
}
