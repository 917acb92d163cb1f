import { formatAddress, type Gva, gva } from "@casemate/core";
import type { Access } from "../../kernel/data-class.ts";
import type { Inspection } from "../detector.ts";
import type { Evidence, Suspicion } from "../suspicion.ts";
import { describeChange } from "./describe-change.ts";
import {
  type DiskText,
  identifyProgram,
  isOnDiskSo,
  readDiskFile,
  readDiskText,
} from "./disk-text.ts";
import { pageDifferences } from "./page-differences.ts";
import type { ProgramFile } from "./program-files.ts";

const PAGE = 4096;
/** HOSTILE: of a file that differs everywhere so many places are shown. */
const MAX_PLACES = 8;

/** What is kept of a file from sweep to sweep. */
interface KnownFile {
  readonly version: string;
  readonly text: DiskText;
}

/** A page that memory has otherwise than the disk. */
interface ChangedFilePage {
  readonly index: number;
  readonly at: Gva;
  readonly seen: Uint8Array;
}

/**
 * Compares memory's copy of files with the disk's: writing through a file leaves both the same, writing to
 * memory past it does not.
 */
export function diskTextChecker(
  { kernel, files }: Access<"kernelMetadata" | "fileContents">,
  inspection: Inspection,
): (file: ProgramFile) => void {
  const before = knownFiles(inspection);
  const now = new Map<Gva, KnownFile>();
  inspection.kept.set("files", now);
  const soundPages = soundPagesOf(inspection);
  // Thousands of pages are compared, one at a time.
  const room = new Uint8Array(PAGE);

  const compare = (file: ProgramFile, text: DiskText & { state: "known" }): void => {
    const head = file.pages().get(0);
    if (head !== undefined && identifyProgram(files.page(head.page)) !== text.identity) {
      const reason = "The disk has another version of it: it was replaced, or is not written yet.";
      inspection.missed(`${file.path} on the disk`, reason);
      return;
    }
    const changed: ChangedFilePage[] = [];
    const sound = soundPages(file);
    let unwritten = 0;
    for (const [index, { page, isClean }] of file.pages()) {
      kernel.budget.step();
      const length = Math.min(PAGE, file.size - index * PAGE);
      if (length <= 0) continue;
      if (!isClean) {
        unwritten += 1;
        continue;
      }
      if (sound.get(index) === page) continue;
      const seen = files.page(page, room).subarray(0, length);
      if (isOnDiskSo(text, index, seen)) sound.set(index, page);
      else changed.push({ index, at: page, seen: seen.slice() });
    }
    inspection.looked();
    if (unwritten > 0) {
      inspection.missed(
        `${file.path} on the disk`,
        `${unwritten} of its pages are not written yet.`,
      );
    }
    if (changed.length > 0) report(file, changed);
  };

  const report = (file: ProgramFile, changed: readonly ChangedFilePage[]): void => {
    const bytes = readDiskFile(file, inspection);
    if (typeof bytes === "string") {
      inspection.missed(`${file.path} on the disk`, bytes);
      return;
    }
    const evidence: Evidence[] = [];
    for (const { index, at, seen } of changed) {
      const expected = bytes.subarray(index * PAGE, index * PAGE + seen.length);
      // Blocks that the file system gave to the file and has not said so yet read as zeros.
      if (expected.every((byte) => byte === 0)) {
        inspection.missed(`${file.path} on the disk`, "A page of it is not written yet.");
        continue;
      }
      for (const difference of pageDifferences(expected, seen) ?? []) {
        if (evidence.length === MAX_PLACES) break;
        const page = { at: gva(BigInt(index * PAGE)), expected, seen };
        evidence.push({
          what: `${file.path} at 0x${(index * PAGE + difference.start).toString(16)}`,
          address: formatAddress(at),
          ...describeChange(page, difference),
          path: [`inode ${formatAddress(file.inode)}`, "i_mapping", `page ${index}`],
        });
      }
    }
    const [first, ...others] = evidence;
    if (first !== undefined) inspection.report(changedFile(file, [first, ...others]));
  };

  return (file) => {
    const known = before.get(file.inode);
    const isKnown = known?.version === file.version;
    if (!file.isOnDisk) return; // Memory is all there is of it.
    const kept = isKnown && known.text.state === "known" ? known.text : undefined;
    const text = kept ?? readDiskText(file, inspection);
    if (text.state === "unknown") {
      inspection.missed(`${file.path} on the disk`, text.reason);
      now.set(file.inode, { version: file.version, text });
      return;
    }
    compare(file, text);
    const { bytes: _, ...rest } = text;
    now.set(file.inode, { version: file.version, text: rest });
  };
}

/** Of each version of a file, the pages that were as the disk has them, by their numbers. */
function soundPagesOf({ sound }: Inspection): (file: ProgramFile) => Map<number, Gva> {
  return ({ inode, version }) => {
    const key = `${inode} ${version}`;
    const known = sound.get(key);
    if (known instanceof Map) return known as Map<number, Gva>; // only this detector keeps it
    const pages = new Map<number, Gva>();
    sound.set(key, pages);
    return pages;
  };
}

function knownFiles({ kept }: Inspection): ReadonlyMap<Gva, KnownFile> {
  const known = kept.get("files");
  return known instanceof Map ? (known as ReadonlyMap<Gva, KnownFile>) : new Map(); // only this detector keeps it
}

function changedFile(file: ProgramFile, evidence: readonly [Evidence, ...Evidence[]]): Suspicion {
  return {
    key: `file ${file.path}, inode ${file.inodeNumber}: not as on the disk`,
    title: `Every process that runs ${file.path} runs other code than the disk has`,
    severity: "critical",
    because:
      "Whoever writes to a file leaves memory and disk the same: this was written past the file, through a hole in the kernel or by code of the kernel's.",
    techniques: ["T1554", "T1055"],
    evidence,
    remediation:
      "Take a snapshot with memory for evidence and isolate the VM; the disk has the file as it was, so a restart brings it back, but the hole must be closed first.",
  };
}
