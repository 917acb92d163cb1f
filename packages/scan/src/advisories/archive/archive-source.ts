import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { feedError } from "../feed-error.ts";
import { fetchFeed } from "../fetch-feed.ts";

/** Where an archive's files are. */
export interface ArchiveSource {
  /** A file of the archive. Throws `feed/unreachable` where it is not there, `feed/too-large`. */
  read(path: string, mostBytes: number, signal?: AbortSignal): Promise<Buffer>;
}

/** An archive, or a part of a mirror, in a directory. */
export function archiveInDirectory(directory: string): ArchiveSource {
  return {
    async read(path, mostBytes, signal) {
      const file = join(directory, path);
      const { size } = await stat(file).catch((cause: unknown) => {
        throw feedError("feed/unreachable", `read ${file}`, {
          seen: "it is not there",
          needed: "a file of the archive",
          cause,
        });
      });
      if (size <= mostBytes) return readFile(file, { ...(signal === undefined ? {} : { signal }) });
      throw feedError("feed/too-large", `read ${file}`, {
        seen: `it has ${size} bytes`,
        needed: `${mostBytes} at most`,
      });
    },
  };
}

/** An archive below a URL (http or https). */
export function archiveAtUrl(url: string): ArchiveSource {
  const base = url.replace(/\/*$/, "/");
  return {
    async read(path, mostBytes, signal) {
      const directory = await mkdtemp(join(tmpdir(), "casemate-archive-"));
      try {
        const file = join(directory, "file");
        await fetchFeed(new URL(path, base).href, file, { mostBytes }, signal);
        return await readFile(file);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}
