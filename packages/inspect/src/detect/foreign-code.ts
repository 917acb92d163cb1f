import { formatAddress, type Gva, gva, MiB } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { childFinder } from "../linux/child-finder.ts";
import { pathWriter } from "../linux/d-path.ts";
import { fileUserPath } from "../linux/file-user-path.ts";
import { findInit } from "../linux/find-init.ts";
import { getFsRoot } from "../linux/get-fs-root.ts";
import { isInternalMount } from "../linux/is-internal-mount.ts";
import { mmShape } from "../linux/mm-shape.ts";
import { VmFlags } from "../linux/vm-flags.ts";
import { vmaName } from "../linux/vma-name.ts";
import { walkVmas } from "../linux/walk-vmas.ts";
import { walkProcesses } from "../views/processes.ts";
import { defineDetector, type Inspection } from "./detector.ts";
import type { GuestFiles } from "./guest-files.ts";
import type { Evidence, Suspicion } from "./suspicion.ts";
import { taskIdentity } from "./task-identity.ts";

/** Programs and libraries are this large at most. */
const MAX_FILE = 512 * MiB;

/** Where a distribution keeps what it ships (file-hierarchy(7)). */
const SYSTEM_FILE = /^\/(?:usr\/)?(?:s?bin|libexec|lib(?:32|64|x32)?)\/(?:.*\/)?([^/]+)$/;

/** Libraries of distributions that compile at run time: whoever maps one has a reason for code in plain memory. */
const CODE_MAKING =
  /^lib(?:pcre2?-|ffi\.|jvm\.|node\.|v8|mozjs|javascriptcore|LLVM|luajit|gccjit|coreclr|clrjit|mono|monosgen|wasmtime|wasmer|orc-|gallium|tcg|bpf-jit|erlang|beam|jit)/;

const REMEDIATION =
  "Take a snapshot with memory for evidence and look at the region with the view strings; end the process from outside if nobody can say what put the code there.";

/** Code that runs in processes and that no file on a file system is behind. */
export const foreignCode = defineDetector({
  id: "foreign-code",
  title: "Code without a file in processes",
  techniques: ["T1055", "T1620"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "Code that was written over a program's own: program-text tells of it.",
    "Code that is injected into a runtime with a compiler, which makes such code itself.",
    "What an interpreter runs.",
  ],
  check({ kernel }, inspection) {
    const readProcess = processReader(kernel, inspection);
    kernel.each("task_struct", walkProcesses(kernel), (at) => {
      inspection.looked();
      for (const suspicion of readProcess(at)) inspection.report(suspicion);
    });
  },
});

/** How much of an address space there is of which kind, to know it again when nothing was mapped since. */
type Shape = string;

function processReader(kernel: KernelReader, inspection: Inspection) {
  const task = kernel.struct("task_struct");
  const mm = task.pointer("mm");
  const ptrace = task.number("ptrace");
  const tracer = task.pointer("parent");
  const identity = taskIdentity(kernel);
  const readRegions = regionReader(kernel, inspection);
  const shapeOf = mmShape(kernel);
  const before = knownShapes(inspection);
  const now = new Map<string, Shape>();
  inspection.kept.set("shapes", now);
  return function* (at: Gva): Generator<Suspicion> {
    const space = mm(at);
    if (space === 0n || !identity.isAlive(at)) return;
    const { key, name } = identity.describe(at);
    const of = { key, name, path: ["init_task", "tasks", `task_struct ${formatAddress(at)}`] };
    if (ptrace(at) !== 0) yield traced(of, identity.describe(tracer(at)).name, at);
    // What was clean and has the same size in all its parts is not walked again.
    const shape = shapeOf(space);
    if (before.get(key) !== shape) {
      const found = [...readRegions(space, of)];
      yield* found;
      if (found.length > 0) return;
    }
    now.set(key, shape);
  };
}

function knownShapes({ kept }: Inspection): ReadonlyMap<string, Shape> {
  const known = kept.get("shapes");
  return known instanceof Map ? (known as ReadonlyMap<string, Shape>) : new Map(); // only this detector keeps it
}

/** The process that is looked at, as its suspicions name it. */
interface Owner {
  readonly key: string;
  readonly name: string;
  readonly path: readonly string[];
}

interface Region {
  readonly vma: Gva;
  readonly start: bigint;
  readonly end: bigint;
  readonly isWritable: boolean;
  /** The file behind it, and what is wrong with that; undefined where it is plain memory. */
  readonly file: OpenedFile | undefined;
}

interface OpenedFile {
  readonly path: string;
  readonly state: "there" | "deleted" | "memory";
}

function regionReader(kernel: KernelReader, { files, allowances }: Inspection) {
  const vma = kernel.struct("vm_area_struct");
  const start = vma.bigint("vm_start");
  const end = vma.bigint("vm_end");
  const flagsOf = vma.number("vm_flags");
  const file = vma.pointer("vm_file");
  const name = vmaName(kernel);
  const executable = kernel.struct("mm_struct").pointer("exe_file");
  const describeFile = fileReader(kernel, files);
  return function* (mm: Gva, owner: Owner): Generator<Suspicion> {
    const own = executable(mm);
    const program = own === 0n ? undefined : describeFile(own);
    if (program !== undefined && program.state !== "there")
      yield hiddenProgram(owner, program, own);
    const regions: Region[] = [];
    let makesCode = isNamed(program, (base) => allowances.codeMakers.includes(base));
    kernel.each("vm_area_struct", walkVmas(kernel, mm), (at) => {
      const flags = flagsOf(at);
      if ((flags & VmFlags.exec) === 0) return;
      const opened = file(at);
      // The kernel's own mappings have names that no process can give.
      if (opened === 0n && !/^$|^\[(?:heap|stack)\]$|^\[anon:/.test(name(at))) return;
      const behind = opened === 0n ? undefined : describeFile(opened);
      makesCode ||= isNamed(behind, (base) => CODE_MAKING.test(base));
      if (behind?.state === "there" || opened === own) return;
      const isWritable = (flags & VmFlags.write) !== 0;
      regions.push({ vma: at, start: start(at), end: end(at), isWritable, file: behind });
    });
    if (makesCode) return;
    for (const region of regions) yield foreignRegion(owner, region);
  };
}

/** Whether it is a file of the distribution's with such a name. */
function isNamed(file: OpenedFile | undefined, fits: (base: string) => boolean): boolean {
  const base = file === undefined ? undefined : SYSTEM_FILE.exec(file.path)?.[1];
  return file?.state === "there" && base !== undefined && fits(base);
}

/** Describes files, each once: processes share libraries. */
function fileReader(
  kernel: KernelReader,
  files: GuestFiles | undefined,
): (file: Gva) => OpenedFile {
  const userPath = fileUserPath(kernel);
  const isInternal = isInternalMount(kernel);
  const paths = pathWriter(kernel, getFsRoot(kernel, findInit(kernel)));
  const dentryType = kernel.struct("dentry");
  const parent = dentryType.pointer("d_parent");
  const hashed = dentryType.pointer("d_hash.pprev");
  const findChild = childFinder(kernel);
  const known = new Map<Gva, OpenedFile>();
  const read = (file: Gva): OpenedFile => {
    const user = userPath(file);
    if (isInternal(user.mnt)) return { path: paths.dPath(user), state: "memory" };
    const written = paths.dPath(user);
    if (hashed(user.dentry) !== 0n || parent(user.dentry) === user.dentry) {
      return { path: written, state: "there" };
    }
    const path = written.replace(/ \(deleted\)$/, "");
    // An update puts a new file in the place of the old one, which goes on running.
    const isReplaced =
      findChild(parent(user.dentry), path.slice(path.lastIndexOf("/") + 1)) !== undefined ||
      files?.read(path, MAX_FILE) !== undefined;
    return { path, state: isReplaced ? "there" : "deleted" };
  };
  return (file) => {
    let opened = known.get(file);
    if (opened === undefined) {
      opened = read(file);
      known.set(file, opened);
    }
    return opened;
  };
}

function traced({ key, name, path }: Owner, by: string, task: Gva): Suspicion {
  return {
    key: `${key}: traced`,
    title: `${name} is traced by ${by}`,
    severity: "medium",
    because: "Who traces a process reads and writes its memory and its registers.",
    techniques: ["T1055.008"],
    evidence: [
      { what: "task_struct", address: formatAddress(task), expected: "no tracer", seen: by, path },
    ],
    remediation: "Find out who debugs it; on a server that is in use nobody should.",
  };
}

function hiddenProgram({ key, name, path }: Owner, program: OpenedFile, file: Gva): Suspicion {
  const isMemory = program.state === "memory";
  return {
    key: `${key}: program`,
    title: isMemory
      ? `${name} runs a program that only ever was in memory: ${program.path}`
      : `${name} runs a program that was deleted, and nothing is in its place: ${program.path}`,
    severity: isMemory ? "high" : "medium",
    because: "No file is left to look at: that is how malware keeps from being found on disks.",
    techniques: isMemory ? ["T1620", "T1564"] : ["T1564"],
    evidence: [
      evidenceOf("struct file", file, [...path, "mm", "exe_file"], {
        expected: "a file on a file system",
        seen: program.path,
      }),
    ],
    remediation: REMEDIATION,
  };
}

function foreignRegion({ key, name, path }: Owner, region: Region): Suspicion {
  const { vma, start, end, isWritable, file } = region;
  const range = `${formatAddress(gva(start))} to ${formatAddress(gva(end))}`;
  const where = file === undefined ? "plain memory" : `${file.path}, which is on no file system`;
  return {
    key: `${key}: code at ${formatAddress(gva(start))}`,
    title: `${name} may run code from ${where}`,
    severity: isWritable || file?.state === "memory" ? "high" : "medium",
    because: isWritable
      ? "The code can be changed while it runs, and nothing in the process is known to make code."
      : "Nothing in the process is known to make code at run time, so somebody put it there.",
    techniques: ["T1055", "T1620"],
    evidence: [
      evidenceOf("vm_area_struct", vma, [...path, "mm", "VMA"], {
        expected: "executable memory only of files and of programs that compile",
        seen: `${range}, executable${isWritable ? " and writable" : ""}, ${where}`,
      }),
    ],
    remediation: REMEDIATION,
  };
}

function evidenceOf(
  what: string,
  at: Gva,
  path: readonly string[],
  words: Required<Pick<Evidence, "expected" | "seen">>,
): Evidence {
  return {
    what,
    address: formatAddress(at),
    ...words,
    path: [...path, `${what} ${formatAddress(at)}`],
  };
}
