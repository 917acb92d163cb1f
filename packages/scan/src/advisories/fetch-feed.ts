import { createHash } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { feedError } from "./feed-error.ts";

export interface FetchOptions {
  /** More than this is refused while it comes. */
  readonly mostBytes: number;
  /** The entity tag of what is there already. */
  readonly etag?: string;
}

/** What was fetched. */
export interface FetchedFeed {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly etag?: string;
}

/**
 * Downloads `url` (http or https) into the file `path`, which is there whole or not at all; `undefined` where
 * the server says that nothing changed since `etag`.
 *
 * HOSTILE: the server. Throws `feed/unreachable`, `feed/too-large`.
 */
export async function fetchFeed(
  url: string,
  path: string,
  { mostBytes, etag }: FetchOptions,
  signal?: AbortSignal,
): Promise<FetchedFeed | undefined> {
  const response = await request(url, etag, signal);
  if (response.status === 304 && etag !== undefined) return undefined;
  if (!response.ok || response.body === null) {
    throw unreachable(url, `the server answered ${response.status}`);
  }
  const partial = `${path}.part`;
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    await using file = await open(partial, "w");
    for await (const chunk of response.body) {
      bytes += chunk.length;
      if (bytes > mostBytes) throw tooLarge(url, mostBytes);
      hash.update(chunk);
      await file.write(chunk);
    }
    await file.datasync();
    await rename(partial, path);
  } catch (thrown) {
    await rm(partial, { force: true });
    if (signal?.aborted === true || !(thrown instanceof TypeError)) throw thrown;
    throw unreachable(url, "the connection broke", thrown);
  }
  const tag = response.headers.get("etag");
  return { bytes, sha256: hash.digest("hex"), ...(tag === null ? {} : { etag: tag }) };
}

async function request(url: string, etag?: string, signal?: AbortSignal): Promise<Response> {
  if (!/^https?:\/\//.test(url)) throw unreachable(url, "it is no http address");
  try {
    return await fetch(url, {
      headers: etag === undefined ? {} : { "if-none-match": etag },
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw unreachable(url, "no server answered", cause);
  }
}

function unreachable(url: string, seen: string, cause?: unknown) {
  return feedError("feed/unreachable", `fetch ${nameOf(url)}`, {
    seen,
    needed: "a feed over http or https",
    cause,
  });
}

function tooLarge(url: string, most: number) {
  return feedError("feed/too-large", `fetch ${nameOf(url)}`, {
    seen: "more comes",
    needed: `${most} bytes at most`,
  });
}

/** The address as people may read it: without a password or a token in it. */
function nameOf(url: string): string {
  if (!URL.canParse(url)) return "a feed";
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
