import { formatAddress, type Gva, gva, type NonEmpty } from "@casemate/core";
import type { Access } from "../kernel/data-class.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { VmFlags } from "../linux/vm-flags.ts";
import { vmaName } from "../linux/vma-name.ts";
import { walkVmas } from "../linux/walk-vmas.ts";
import { defineDetector, type Inspection } from "./detector.ts";
import { eachProcessSpace } from "./each-process-space.ts";
import { type ProgramFile, programFiles } from "./files/program-files.ts";
import type { SignatureMatcher } from "./signature-matcher.ts";
import { fileRuns, type OwnArea, ownRuns } from "./signatures/memory-runs.ts";
import { type RuleHit, RuleSearch } from "./signatures/rule-search.ts";
import { type Evidence, type Severity, type Suspicion, severities } from "./suspicion.ts";
import { taskIdentity } from "./task-identity.ts";

type Reads = Access<"kernelMetadata" | "userMemory" | "fileContents">;

/** Of a file that many processes map so many are named. */
const MAX_USERS = 8;

/** Processes' own memory and what memory has of the files they map, each once, put to rules that are given. */
export const signatures = defineDetector({
  id: "signatures",
  title: "Memory that given rules match",
  techniques: ["T1027", "T1055", "T1620"],
  needs: ["kernelMetadata", "userMemory", "fileContents"],
  cost: "high",
  given: "rules",
  blindTo: [
    "What no rule looks for.",
    "Heaps, stacks and other data of processes, unless all memory is asked for.",
    "Parts of files that are not in memory, or that tmpfs swapped out, and files that nobody maps: `casemate scan --rules` reads disks.",
    "Conditions on more than 8 MiB at once: larger memory and larger files are put to rules in parts.",
    "What a process keeps encrypted or compressed until it needs it.",
  ],
  check(access, inspection) {
    const { signatures: matcher } = inspection;
    if (matcher === undefined) {
      inspection.missed("memory", "No rules are given.");
      return;
    }
    const { kernel } = access;
    const search = new RuleSearch(matcher, inspection);
    const users = new Map<ProgramFile, Users>();
    const searchProcess = processSearcher(access, inspection, matcher, search, users);
    eachProcessSpace(kernel, searchProcess);
    // Programs first, in case time does not suffice.
    const files = [...users].sort(([, one], [, other]) => +other.isCode - +one.isCode);
    for (const [file, { names }] of files) {
      kernel.attempt(
        () => {
          const hits = search.searchOnce(
            { key: `${file.inode} ${file.version}`, what: file.path, path: file.path },
            () => fileRuns(inspection.budget, access.files, file),
          );
          for (const hit of hits) {
            inspection.report(matchedFile(file, hit, names));
          }
          inspection.looked();
        },
        "page cache of inode",
        file.inode,
      );
    }
  },
});

/** Who maps a file. */
interface Users {
  readonly names: string[];
  isCode: boolean;
}

function processSearcher(
  { kernel, user }: Reads,
  inspection: Inspection,
  matcher: SignatureMatcher,
  search: RuleSearch,
  users: Map<ProgramFile, Users>,
): (task: Gva, mm: Gva) => void {
  const identity = taskIdentity(kernel);
  const readAreas = areaReader(kernel);
  const fileOf = programFiles(kernel);
  const executable = kernel.struct("mm_struct").pointer("exe_file");
  return (task, mm) => {
    if (!identity.isAlive(task)) return;
    const { key, name } = identity.describe(task);
    const owner = { key, name, path: ["init_task", "tasks", `task_struct ${formatAddress(task)}`] };
    const program = executable(mm);
    const path = program === 0n ? "" : (fileOf(program)?.path ?? "");
    const space = user.open(mm);
    for (const { vma, start, end, isCode, file: opened, first, title } of readAreas(mm)) {
      const file = opened === 0n ? undefined : fileOf(opened);
      if (file !== undefined) {
        const known = users.get(file) ?? { names: [], isCode: false };
        users.set(file, known);
        known.isCode ||= isCode;
        if (!known.names.includes(name)) known.names.push(name);
      }
      if (!isCode && !matcher.allMemory) continue;
      // Pages of hugetlbfs and of devices are counted otherwise: all that is there is put to rules.
      const behind = file === undefined ? undefined : { pages: file.pages, first };
      const area: OwnArea = { start, end, file: behind };
      const what = `${name}: ${title || file?.path || "memory"} at ${formatAddress(start)}`;
      const hits = search.searchOnce({ key: `${key}, ${what}, ${end}`, what, path }, (missed) =>
        ownRuns(inspection.budget, space, area, missed),
      );
      for (const hit of hits) inspection.report(matchedMemory(owner, { vma, start, what }, hit));
      inspection.looked();
    }
  };
}

/** What of an address space may be read, but for what is a device's. */
function areaReader(kernel: KernelReader) {
  const type = kernel.struct("vm_area_struct");
  const start = type.pointer("vm_start");
  const end = type.pointer("vm_end");
  const flagsOf = type.number("vm_flags");
  const file = type.pointer("vm_file");
  const first = type.number("vm_pgoff");
  const title = vmaName(kernel);
  return function* (mm: Gva) {
    const areas: Gva[] = [];
    kernel.each("vm_area_struct", walkVmas(kernel, mm), (at) => areas.push(at));
    for (const vma of areas) {
      const flags = flagsOf(vma);
      if ((flags & (VmFlags.io | VmFlags.pfnmap)) !== 0) continue;
      const isCode = (flags & VmFlags.exec) !== 0;
      const opened = file(vma);
      yield {
        ...{ vma, isCode, start: start(vma), end: end(vma), file: opened, first: first(vma) },
        title: opened === 0n ? title(vma) : "",
      };
    }
  };
}

/** The process whose memory it is, as its suspicions name it. */
interface Owner {
  readonly key: string;
  readonly name: string;
  readonly path: readonly string[];
}

function matchedMemory(
  { key, name, path }: Owner,
  { vma, start, what }: { readonly vma: Gva; readonly start: Gva; readonly what: string },
  { rule, places }: RuleHit,
): Suspicion {
  const reached = [...path, "mm", `vm_area_struct ${formatAddress(vma)}`, "page tables"];
  const evidence = places.map(
    ({ pattern, offset, length, digest }): Evidence => ({
      what: `${pattern} at 0x${offset.toString(16)} of ${what}`,
      address: formatAddress(gva(start + BigInt(offset))),
      seen: `${length} bytes, SHA-256 ${digest}`,
      path: reached,
    }),
  );
  const whole = { what, address: formatAddress(start), seen: "the rule matches it", path: reached };
  return {
    key: `${key}: ${nameOf(rule)} in memory at ${formatAddress(start)}`,
    title: `${name} has in its memory what rule ${nameOf(rule)} looks for`,
    ...judge(rule),
    techniques: ["T1055", "T1620"],
    evidence: nonEmpty(evidence, whole),
    remediation:
      "Read what the rule is about. Take a snapshot with memory for evidence, isolate the VM, and end the process from outside.",
  };
}

function matchedFile(
  { path, inode, inodeNumber }: ProgramFile,
  { rule, places }: RuleHit,
  users: readonly string[],
): Suspicion {
  const reached = (offset: number) => [
    `inode ${formatAddress(inode)}`,
    "i_mapping",
    `page ${Math.floor(offset / 4096)}`,
  ];
  const more = users.length > MAX_USERS ? ` and ${users.length - MAX_USERS} more` : "";
  const seen = `mapped by ${users.slice(0, MAX_USERS).join(", ")}${more}`;
  const head = {
    ...{ what: `inode ${inodeNumber} of ${path}`, address: formatAddress(inode), seen },
    path: reached(0).slice(0, 2),
  };
  return {
    key: `file ${path}, inode ${inodeNumber}: ${nameOf(rule)}`,
    title: `${path}, which processes map, holds what rule ${nameOf(rule)} looks for`,
    ...judge(rule),
    techniques: ["T1027"],
    evidence: [
      head,
      ...places.map(({ pattern, offset, length, digest }) => ({
        what: `${pattern} at 0x${offset.toString(16)} of ${path}`,
        seen: `${length} bytes, SHA-256 ${digest}`,
        path: reached(offset),
      })),
    ],
    remediation:
      "Read what the rule is about, and look at the file on the disk (`casemate scan`). Take a snapshot with memory for evidence and isolate the VM.",
  };
}

const nameOf = ({ namespace, rule }: RuleHit["rule"]) => `${namespace}:${rule}`;

/** As bad as the rule's author says; who says nothing writes rules for what must not be there. */
function judge({ severity, description }: RuleHit["rule"]): {
  readonly severity: Severity;
  readonly because: string;
} {
  const said = severities.find((each) => each === severity?.toLowerCase());
  return {
    severity: said ?? "high",
    because: description ?? "The rule does not say what it is that it looks for.",
  };
}

function nonEmpty(evidence: readonly Evidence[], otherwise: Evidence): NonEmpty<Evidence> {
  const [first = otherwise, ...others] = evidence;
  return [first, ...others];
}
