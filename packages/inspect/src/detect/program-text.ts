import { formatAddress, type Gva, gva, type NonEmpty } from "@casemate/core";
import type { Access } from "../kernel/data-class.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { UserAddressSpace } from "../kernel/user-memory-reader.ts";
import { mmShape } from "../linux/mm-shape.ts";
import { VmFlags } from "../linux/vm-flags.ts";
import { walkUprobes } from "../linux/walk-uprobes.ts";
import { walkVmas } from "../linux/walk-vmas.ts";
import { defineDetector, type Inspection } from "./detector.ts";
import { eachProcessSpace } from "./each-process-space.ts";
import { describeChange } from "./files/describe-change.ts";
import { readDiskFile } from "./files/disk-text.ts";
import { diskTextChecker } from "./files/disk-text-checker.ts";
import { type PageDifference, pageDifferences } from "./files/page-differences.ts";
import { type ProgramFile, programFiles } from "./files/program-files.ts";
import type { Evidence, Suspicion } from "./suspicion.ts";
import { taskIdentity } from "./task-identity.ts";

type Reads = Access<"kernelMetadata" | "userMemory" | "fileContents">;

const PAGE = 4096;
/** HOSTILE: of code that is changed everywhere so many places are shown. */
const MAX_PLACES = 8;
/** `BREAKPOINT` and the call that takes its place where the kernel optimizes probes: of so many bytes at most. */
const PROBE_BYTES = 5;
const ELF_MAGIC = Buffer.from("\x7fELF");

/** Code of running programs and libraries that is not the file's: written over in a process, or for all of them. */
export const programText = defineDetector({
  id: "program-text",
  title: "Code of programs",
  techniques: ["T1055", "T1554"],
  needs: ["kernelMetadata", "userMemory", "fileContents"],
  cost: "high",
  blindTo: [
    "A program that was replaced on the disk before it was started, or changed there the regular way.",
    "Code that no file is behind: foreign-code tells of it.",
    "Data of programs that decides what their code does, such as tables of functions.",
    "Page tables of a process that was clean and that the kernel was made to change past its own books.",
    "Files of tmpfs against a disk, for they have none.",
    "Images of other systems (PE), which Wine and .NET fit to where they are loaded.",
  ],
  check(access, inspection) {
    const { kernel } = access;
    const used = new Set<ProgramFile>();
    const checkProcess = processChecker(access, inspection, used);
    eachProcessSpace(kernel, checkProcess);
    const checkDisk = diskTextChecker(access, inspection);
    for (const file of used) {
      kernel.attempt(() => checkDisk(file), "page cache of inode", file.inode);
    }
  },
});

/** A VMA that maps code of a file. */
interface TextArea {
  readonly vma: Gva;
  readonly start: Gva;
  readonly end: Gva;
  readonly file: Gva;
  /** The page of the file it begins with. */
  readonly first: number;
}

/** What is known of an address space that was clean. */
interface KnownSpace {
  readonly shape: string;
  readonly areas: readonly TextArea[];
}

function processChecker(
  access: Reads,
  inspection: Inspection,
  used: Set<ProgramFile>,
): (task: Gva, mm: Gva) => void {
  const { kernel, user } = access;
  const identity = taskIdentity(kernel);
  const fileOf = programFiles(kernel);
  const areas = areaReader(kernel);
  const compare = areaComparer(access, inspection);
  const before = knownSpaces(inspection);
  const now = new Map<string, KnownSpace>();
  inspection.kept.set("spaces", now);
  return (task, mm) => {
    if (!identity.isAlive(task)) return;
    const { key, name } = identity.describe(task);
    const owner = { key, name, path: ["init_task", "tasks", `task_struct ${formatAddress(task)}`] };
    const shape = areas.shapeOf(mm);
    const known = before.get(key);
    const isSame = known?.shape === shape && known.areas.every((area) => areas.isUntouched(area));
    const found = isSame ? known.areas : areas.read(mm);
    const space = user.open(mm);
    let isClean = true;
    const changes = new Map<ProgramFile, Change[]>();
    for (const area of found) {
      const file = fileOf(area.file);
      if (file === undefined) {
        inspection.missed(`${name}: code of huge pages`, "Its pages are counted otherwise.");
        continue;
      }
      used.add(file);
      inspection.looked();
      if (isSame) continue;
      const changed = changes.get(file) ?? [];
      changes.set(file, changed);
      if (!compare(owner, space, area, file, changed)) isClean = false;
    }
    for (const [file, [first, ...others]] of changes) {
      if (first === undefined) continue;
      isClean = false;
      inspection.report(changedText(owner, file, [first, ...others]));
    }
    if (isClean) now.set(key, { shape, areas: found });
  };
}

function knownSpaces({ kept }: Inspection): ReadonlyMap<string, KnownSpace> {
  const known = kept.get("spaces");
  return known instanceof Map ? (known as ReadonlyMap<string, KnownSpace>) : new Map(); // only this detector keeps it
}

function areaReader(kernel: KernelReader) {
  const vma = kernel.struct("vm_area_struct");
  const start = vma.pointer("vm_start");
  const end = vma.pointer("vm_end");
  const flagsOf = vma.number("vm_flags");
  const file = vma.pointer("vm_file");
  const first = vma.number("vm_pgoff");
  const copies = vma.pointer("anon_vma");
  return {
    shapeOf: mmShape(kernel),
    /** Whether it is still there and has no pages of its own. */
    isUntouched: (area: TextArea) =>
      start(area.vma) === area.start && file(area.vma) === area.file && copies(area.vma) === 0n,
    read(mm: Gva): readonly TextArea[] {
      const found: TextArea[] = [];
      kernel.each("vm_area_struct", walkVmas(kernel, mm), (at) => {
        const opened = file(at);
        if ((flagsOf(at) & VmFlags.exec) === 0 || opened === 0n) return;
        found.push({ vma: at, start: start(at), end: end(at), file: opened, first: first(at) });
      });
      return found;
    },
  };
}

/** The process that is looked at, as its suspicions name it. */
interface Owner {
  readonly key: string;
  readonly name: string;
  readonly path: readonly string[];
}

/** A page of code that is not the file's, and where. */
interface Change {
  readonly area: TextArea;
  /** In the file. */
  readonly index: number;
  readonly at: Gva;
  readonly expected: Uint8Array;
  readonly seen: Uint8Array;
  readonly differences: readonly PageDifference[];
}

/** Compares pages of processes with the file's; false where not all of them could be. */
function areaComparer({ kernel, files }: Reads, inspection: Inspection) {
  const isProbed = probeFinder(kernel);
  const isElf = (file: ProgramFile) => {
    const head = file.pages().get(0);
    return head === undefined || ELF_MAGIC.compare(files.page(head.page), 0, 4) === 0;
  };
  return (
    { name }: Owner,
    space: UserAddressSpace,
    area: TextArea,
    file: ProgramFile,
    changes: Change[],
  ): boolean => {
    const missed = new Map<string, number>();
    const miss = (reason: string) => missed.set(reason, (missed.get(reason) ?? 0) + 1);
    const cached = file.pages();
    let onDisk: ReturnType<typeof readDiskFile> | undefined;
    const expectedAt = (index: number): Uint8Array | string => {
      const page = cached.get(index);
      if (page !== undefined) return files.page(page.page);
      onDisk ??= readDiskFile(file, inspection);
      return typeof onDisk === "string"
        ? onDisk
        : onDisk.subarray(index * PAGE, (index + 1) * PAGE);
    };
    for (const pages of space.pages(area.start, area.end)) {
      if (pages.kind !== "present") {
        if (pages.kind === "swapped") miss("It is swapped out, as only a process's own pages are.");
        continue;
      }
      const into = Number(pages.address - area.start) / PAGE;
      for (let i = 0; i < pages.length / PAGE; i += 1) {
        kernel.budget.step();
        const index = area.first + into + i;
        // Most are the page cache's own.
        if (cached.get(index)?.frame === pages.physical / PAGE + i) continue;
        const expected = expectedAt(index);
        if (typeof expected === "string") {
          miss(`The process has a page for itself, and the file's is not in memory. ${expected}`);
          continue;
        }
        const at = gva(pages.address + BigInt(i * PAGE));
        const seen = space.bytes(at, PAGE);
        const differences = (pageDifferences(expected, seen) ?? []).filter(
          ({ start, end }) => !isProbed(file.inode, index * PAGE + start, index * PAGE + end),
        );
        if (differences.length === 0 || !isElf(file)) continue;
        changes.push({ area, index, at, expected, seen, differences });
      }
    }
    for (const [reason, count] of missed) {
      inspection.missed(`${name}: code of ${file.path}, ${count} pages`, reason);
    }
    return missed.size === 0;
  };
}

/** Whether bytes of a file are where the kernel put a probe. */
function probeFinder(kernel: KernelReader): (inode: Gva, start: number, end: number) => boolean {
  let probes: Map<Gva, number[]> | undefined;
  const read = () => {
    const found = new Map<Gva, number[]>();
    for (const { inode, offset } of walkUprobes(kernel)) {
      found.set(inode, [...(found.get(inode) ?? []), offset]);
    }
    return found;
  };
  return (inode, start, end) => {
    probes ??= read();
    return (probes.get(inode) ?? []).some((at) => start >= at && end <= at + PROBE_BYTES);
  };
}

function changedText(
  { key, name, path }: Owner,
  file: ProgramFile,
  changes: NonEmpty<Change>,
): Suspicion {
  const describe = (change: Change, difference: PageDifference): Evidence => ({
    what: `code of ${file.path} at 0x${(change.index * PAGE + difference.start).toString(16)}`,
    address: formatAddress(gva(change.at + BigInt(difference.start))),
    ...describeChange(change, difference),
    path: [...path, "mm", `vm_area_struct ${formatAddress(change.area.vma)}`, "page tables"],
  });
  const evidence = changes
    .flatMap((change) => change.differences.map((difference) => describe(change, difference)))
    .slice(0, MAX_PLACES);
  const [first] = changes;
  return {
    key: `${key}: code of ${file.path}`,
    title: `${name} runs code of ${file.path} that was written over in its memory`,
    severity: "critical",
    because:
      "Programs do not change their own code: a debugger did, or somebody who makes the process do something else.",
    techniques: ["T1055"],
    evidence: [
      {
        what: `inode ${file.inodeNumber} of ${file.path}`,
        address: formatAddress(file.inode),
        expected: "code as the file has it",
        seen: `${changes.length} pages that are the process's own and differ, from 0x${(first.index * PAGE).toString(16)} in the file`,
        path,
      },
      ...evidence,
    ],
    remediation:
      "Take a snapshot with memory for evidence, isolate the VM and end the process from outside; find out what has the right to write to its memory.",
  };
}
