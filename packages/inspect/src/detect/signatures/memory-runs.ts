import { type Gva, gva, MiB } from "@casemate/core";
import type { Budget } from "../../budget.ts";
import type { FileContentsReader } from "../../kernel/file-contents-reader.ts";
import type { UserAddressSpace } from "../../kernel/user-memory-reader.ts";
import type { ProgramFile } from "../files/program-files.ts";
import type { MemoryRun } from "./rule-search.ts";

const PAGE = 4096;
/** Memory is put to rules in runs of at most so many bytes, each with the end of the one before. */
const MAX_RUN = 8 * MiB;
const OVERLAP = 64 * 1024;

/** Part of a process's memory: of one VMA. */
export interface OwnArea {
  readonly start: Gva;
  readonly end: Gva;
  /** What it maps, and from which page on; `undefined` of plain memory. */
  readonly file: { readonly pages: ProgramFile["pages"]; readonly first: number } | undefined;
}

/**
 * What a process has for itself in an area, page after page as far as they follow one another: what it maps of
 * a file and did not change is the file's.
 *
 * @param missed is told how many pages are swapped out
 */
export function* ownRuns(
  budget: Budget,
  space: Pick<UserAddressSpace, "pages" | "bytes">,
  area: OwnArea,
  missed: (pages: number) => void,
): Generator<MemoryRun> {
  let start = 0;
  let end = 0;
  const read = (): MemoryRun => {
    const bytes = space.bytes(gva(area.start + BigInt(start)), end - start);
    return { offset: start, bytes };
  };
  for (const pages of space.pages(area.start, area.end)) {
    const offset = Number(pages.address - area.start);
    if (pages.kind === "swapped") missed(pages.length / PAGE);
    if (pages.kind !== "present") continue;
    for (let at = offset; at < offset + pages.length; at += PAGE) {
      budget.step();
      const frame = (pages.physical + at - offset) / PAGE;
      const index = (area.file?.first ?? 0) + at / PAGE;
      if (area.file?.pages().get(index)?.frame === frame) continue;
      const isNext = at === end && end > start;
      if (end > start && (!isNext || end - start >= MAX_RUN)) {
        yield read();
        start = isNext ? end - OVERLAP : at;
      } else if (!isNext) start = at;
      end = at + PAGE;
    }
  }
  if (end > start) yield read();
}

/** What memory has of a file, from its beginning on; pages that are not there are zeros. */
export function* fileRuns(
  budget: Budget,
  files: Pick<FileContentsReader, "page">,
  file: Pick<ProgramFile, "pages" | "size">,
): Generator<MemoryRun> {
  const pages = [...file.pages()].sort(([one], [other]) => one - other);
  for (let next = 0; next < pages.length; ) {
    const [index = 0] = pages[next] ?? [];
    // From the beginning, because that is where rules look for what kind of file it is.
    const start = index * PAGE < MAX_RUN ? 0 : Math.max(index * PAGE - OVERLAP, 0);
    const end = Math.min(start + MAX_RUN, file.size);
    if (end <= start) return;
    const bytes = new Uint8Array(end - start);
    for (const [number, { page }] of pages) {
      const at = number * PAGE - start;
      if (at < 0) continue;
      if (at >= bytes.length) break;
      budget.step();
      bytes.set(files.page(page).subarray(0, bytes.length - at), at);
    }
    yield { offset: start, bytes };
    while (next < pages.length && (pages[next]?.[0] ?? 0) * PAGE < end) next += 1;
  }
}
