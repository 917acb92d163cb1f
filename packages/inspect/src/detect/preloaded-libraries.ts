import { formatAddress, type Gva, KiB, toCasemateError } from "@casemate/core";
import { decodeText } from "../decode-text.ts";
import type { Access } from "../kernel/data-class.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { pathWriter } from "../linux/d-path.ts";
import { fileUserPath } from "../linux/file-user-path.ts";
import { findInit } from "../linux/find-init.ts";
import { getFsRoot } from "../linux/get-fs-root.ts";
import { lookupPath } from "../linux/lookup-path.ts";
import { mmShape } from "../linux/mm-shape.ts";
import { readEnvironment } from "../linux/read-arguments.ts";
import { readPageCache } from "../linux/read-page-cache.ts";
import { VmFlags } from "../linux/vm-flags.ts";
import { walkVmas } from "../linux/walk-vmas.ts";
import { walkProcesses } from "../views/processes.ts";
import { defineDetector, type Inspection } from "./detector.ts";
import { type LibraryPlace, libraryPlace } from "./library-place.ts";
import type { Severity, Suspicion } from "./suspicion.ts";
import { taskIdentity } from "./task-identity.ts";

type Reads = Access<"kernelMetadata" | "userMemory" | "fileContents">;

/** What every program loads (ld.so(8)). */
const PRELOAD_FILE = "/etc/ld.so.preload";
const MAX_PRELOAD_FILE = 64 * KiB;
/** The disk is asked for it in one of so many looks. */
const DISK_USES = 8;

const REMEDIATION =
  "Look at the library with the view read-file, take a snapshot with memory for evidence, and find out who had the right to put it there; processes that were started since have to be started again without it.";

/** Libraries that programs were made to load: by their environment, by /etc/ld.so.preload, from odd places. */
export const preloadedLibraries = defineDetector({
  id: "preloaded-libraries",
  title: "Libraries that were slipped in",
  techniques: ["T1574.006"],
  needs: ["kernelMetadata", "userMemory", "fileContents"],
  cost: "low",
  blindTo: [
    "A library that was put among the system's own, or in the place of one: what packages brought says that.",
    "Environments that processes wrote over after they started; what they had loaded stays mapped and is told.",
    "/etc/ld.so.preload of containers, and libraries that are unmapped once they have run.",
    "A runtime that unpacks libraries of its own to /tmp (JNA, PyInstaller), which looks the same: name the program in the allowances.",
  ],
  check(access, inspection) {
    const { kernel } = access;
    const readProcess = processReader(access, inspection);
    kernel.each("task_struct", walkProcesses(kernel), (at) => {
      inspection.looked();
      for (const suspicion of readProcess(at)) inspection.report(suspicion);
    });
    checkPreloadFile(access, inspection);
  },
});

/** The process that is looked at, as its suspicions name it. */
interface Owner {
  readonly key: string;
  readonly name: string;
  readonly isRoot: boolean;
  readonly path: readonly string[];
}

function processReader(access: Reads, inspection: Inspection) {
  const { kernel } = access;
  const task = kernel.struct("task_struct");
  const mm = task.pointer("mm");
  const euid = task.number("cred->euid");
  const identity = taskIdentity(kernel);
  const shapeOf = mmShape(kernel);
  const environmentStart = kernel.struct("mm_struct").pointer("env_start");
  const environmentOf = readEnvironment(access, "LD_");
  const readLibraries = libraryReader(kernel, inspection);
  const before = knownShapes(inspection);
  const now = new Map<string, string>();
  inspection.kept.set("shapes", now);
  return function* (at: Gva): Generator<Suspicion> {
    const space = mm(at);
    if (space === 0n || !identity.isAlive(at)) return;
    const { key, name } = identity.describe(at);
    const path = ["init_task", "tasks", `task_struct ${formatAddress(at)}`, "mm"];
    const owner: Owner = { key, name, isRoot: euid(at) === 0, path };
    // What was clean and has the same size in all its parts has loaded nothing since.
    const shape = shapeOf(space);
    if (before.get(key) === shape) {
      now.set(key, shape);
      return;
    }
    const { strings, missingBytes } = environmentOf(space);
    const found = [
      ...checkEnvironment(owner, strings, environmentStart(space)),
      ...readLibraries(owner, space),
    ];
    if (missingBytes > 0) {
      inspection.missed(
        `${name}: its environment`,
        `${missingBytes} bytes of it are not in memory.`,
      );
    }
    yield* found;
    if (found.length === 0 && missingBytes === 0) now.set(key, shape);
  };
}

function knownShapes({ kept }: Inspection): ReadonlyMap<string, string> {
  const known = kept.get("shapes");
  return known instanceof Map ? (known as ReadonlyMap<string, string>) : new Map(); // only this detector keeps it
}

/** How bad it is that libraries of a place are loaded, by how they are named; none where that is usual. */
const SEVERITIES: Readonly<Record<string, Partial<Record<LibraryPlace, Severity>>>> = {
  LD_PRELOAD: { temporary: "high", home: "medium", elsewhere: "medium" },
  LD_AUDIT: { temporary: "high", home: "high", elsewhere: "high" },
  LD_LIBRARY_PATH: { temporary: "medium" },
};

function* checkEnvironment(
  { key, name, path }: Owner,
  strings: readonly string[],
  at: Gva,
): Generator<Suspicion> {
  for (const text of strings) {
    const equals = text.indexOf("=");
    const variable = text.slice(0, equals);
    const severities = SEVERITIES[variable];
    if (severities === undefined) continue;
    const value = text.slice(equals + 1);
    // What has no "/" in it is looked for among the system's libraries.
    const named = value.split(variable === "LD_PRELOAD" ? /[: ]/ : ":");
    for (const each of named.filter((one) => one.includes("/"))) {
      const severity = severities[libraryPlace(each.endsWith("/") ? each : `${each}/`)];
      if (severity === undefined) continue;
      yield {
        key: `${key}: ${variable} ${each}`,
        title: `${name} was started with ${variable}=${value}`,
        severity,
        because: "Whatever is there runs in the program before its own code does.",
        techniques: ["T1574.006"],
        evidence: [
          {
            what: `${variable} in its environment`,
            address: formatAddress(at),
            expected: "libraries of the system",
            seen: value,
            path: [...path, "env_start"],
          },
        ],
        remediation: REMEDIATION,
      };
    }
  }
}

/** Finds libraries that a process has mapped from where none belong. */
function libraryReader(kernel: KernelReader, { allowances }: Inspection) {
  const vma = kernel.struct("vm_area_struct");
  const start = vma.pointer("vm_start");
  const flagsOf = vma.number("vm_flags");
  const file = vma.pointer("vm_file");
  const executable = kernel.struct("mm_struct").pointer("exe_file");
  const userPath = fileUserPath(kernel);
  const paths = pathWriter(kernel, getFsRoot(kernel, findInit(kernel)));
  return function* (owner: Owner, mm: Gva): Generator<Suspicion> {
    const own = executable(mm);
    const found: { readonly vma: Gva; readonly path: string; readonly place: LibraryPlace }[] = [];
    const program = own === 0n ? "" : paths.dPath(userPath(own));
    kernel.each("vm_area_struct", walkVmas(kernel, mm), (at) => {
      const opened = file(at);
      if ((flagsOf(at) & VmFlags.exec) === 0 || opened === 0n || opened === own) return;
      const path = paths.dPath(userPath(opened));
      const place = libraryPlace(path);
      if (path !== program) found.push({ vma: at, path, place });
    });
    const isAllowed =
      libraryPlace(program) === "system" &&
      allowances.codeMakers.includes(program.slice(program.lastIndexOf("/") + 1));
    if (isAllowed) return;
    for (const { vma, path, place } of found) {
      // Users have libraries of their own; who is root has no use for them.
      if (place !== "temporary" && !(place === "home" && owner.isRoot)) continue;
      yield {
        key: `${owner.key}: library ${path}`,
        title: `${owner.name} runs code of ${path}`,
        severity: place === "temporary" ? "high" : "medium",
        because:
          place === "temporary"
            ? "Anybody may put files there, and no distribution keeps libraries there."
            : "It is root and runs what a user can change.",
        techniques: ["T1574.006"],
        evidence: [
          {
            what: "vm_area_struct",
            address: formatAddress(vma),
            expected: "code of the program and of libraries of the system",
            seen: `${path} at ${formatAddress(start(vma))}`,
            path: [...owner.path, `vm_area_struct ${formatAddress(vma)}`],
          },
        ],
        remediation: REMEDIATION,
      };
    }
  };
}

/** What a source says of a file: its text, "" where it says that there is none, or why it does not say. */
type Told = { readonly text: string; readonly where: string } | { readonly reason: string };

function checkPreloadFile(access: Reads, inspection: Inspection): void {
  const told = [readFromMemory(access), readFromDiskNowAndThen(inspection)];
  const reasons: string[] = [];
  for (const source of told) {
    if ("reason" in source) {
      reasons.push(source.reason);
      continue;
    }
    inspection.looked();
    for (const suspicion of checkPreloads(source.text, source.where)) inspection.report(suspicion);
  }
  if (reasons.length === told.length) inspection.missed(PRELOAD_FILE, reasons.join(" "));
}

function readFromMemory(access: Reads): Told {
  const { kernel } = access;
  const where = "the page cache";
  try {
    const { inode } = lookupPath(access, findInit(kernel), PRELOAD_FILE);
    const bytes: Uint8Array[] = [];
    let left = MAX_PRELOAD_FILE;
    for (const piece of readPageCache(access, inode)) {
      if (piece.kind !== "present") return { reason: `Not all of ${PRELOAD_FILE} is in memory.` };
      bytes.push(piece.bytes);
      left -= piece.bytes.length;
      if (left <= 0) break;
    }
    return { text: decodeText(Buffer.concat(bytes)), where };
  } catch (thrown) {
    const { code, message } = toCasemateError(thrown);
    if (code === "inspect/not-found") return { text: "", where };
    if (code !== "inspect/not-in-memory") throw thrown;
    return { reason: message };
  }
}

/** Memory is asked at each look; that there is none on the disk is good for some more. */
function readFromDiskNowAndThen(inspection: Inspection): Told {
  const { kept } = inspection;
  const known = kept.get("disk");
  const last = known instanceof DiskAnswer ? known : new DiskAnswer(readFromDisk(inspection));
  last.uses += 1;
  const isThere = "text" in last.told && last.told.text !== "";
  if (last.uses < DISK_USES && !isThere) kept.set("disk", last);
  else kept.delete("disk");
  return last.told;
}

class DiskAnswer {
  readonly told: Told;
  uses = 0;

  constructor(told: Told) {
    this.told = told;
  }
}

function readFromDisk({ files }: Inspection): Told {
  if (files === undefined) return { reason: "No disk of the guest can be read." };
  try {
    const bytes = files.read(PRELOAD_FILE, MAX_PRELOAD_FILE);
    return { text: bytes === undefined ? "" : decodeText(bytes), where: "the disk" };
  } catch (thrown) {
    const { code, message } = toCasemateError(thrown);
    if (!code.startsWith("disk/")) throw thrown;
    return { reason: message };
  }
}

function* checkPreloads(text: string, where: string): Generator<Suspicion> {
  // From a "#" on a line is a comment; names are apart by blanks or colons.
  const names = text.replaceAll(/#.*$/gm, "").split(/[\s:]+/);
  for (const name of names.filter((each) => each !== "")) {
    const isSystems = !name.includes("/") || libraryPlace(name) === "system";
    yield {
      key: `${PRELOAD_FILE} ${name}`,
      title: `Every program loads ${name}`,
      severity: isSystems ? "medium" : "critical",
      because: `${PRELOAD_FILE} names it, which distributions do not have: what is named runs in every program, as root too.`,
      techniques: ["T1574.006"],
      evidence: [
        {
          what: `${PRELOAD_FILE} in ${where}`,
          expected: "no such file",
          seen: text.trim(),
          path: ["/", "etc", "ld.so.preload"],
        },
      ],
      remediation: REMEDIATION,
    };
  }
}
