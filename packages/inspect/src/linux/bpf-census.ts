import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { isWhole } from "../walk/is-whole.ts";
import { addressNames } from "./address-names.ts";
import { walkBpfAttachments } from "./walk-bpf-attachments.ts";
import { walkProcessFiles } from "./walk-process-files.ts";

/** What BPF has a registry of. */
export type BpfKind = "program" | "map" | "link";

/** A BPF object, and who leads to it. */
export interface BpfObject {
  readonly kind: BpfKind;
  /** Address of its `bpf_prog`, `bpf_map` or `bpf_link`. */
  readonly at: Gva;
  /** `descriptor 4 of process 731`, `xdp of eth0`, `its symbol`; no more than a few. HOSTILE. */
  readonly foundBy: readonly string[];
}

/** What the kernel's registries have, and what is in use without asking them. */
export interface BpfCensus {
  readonly registered: ReadonlySet<Gva>;
  readonly used: readonly BpfObject[];
  /** Whether the registries could be read as a whole. */
  readonly isComplete: boolean;
}

/** MAX_USED_MAPS (include/linux/bpf_verifier.h). */
const MAX_USED_MAPS = 64;
/** Who leads to an object is told by so many. */
const MAX_FOUND_BY = 4;
/** Filters of the old kind (SO_ATTACH_FILTER) are in no registry; sockets may have those. */
const MAY_BE_CLASSIC = new Set(["socket", "sk_reuseport"]);

/** Takes the census of programs, maps and links. What is damaged is told by the look. */
export function takeBpfCensus(kernel: KernelReader): BpfCensus {
  let programs: readonly Gva[] = [];
  let maps: readonly Gva[] = [];
  let links: readonly Gva[] = [];
  const isComplete = isWhole(kernel, () => {
    programs = registry(kernel, "prog_idr");
    maps = registry(kernel, "map_idr");
    links = registry(kernel, "link_idr");
  });
  const registered = new Set([...programs, ...maps, ...links]);
  const used = new Map<Gva, { kind: BpfKind; at: Gva; foundBy: string[] }>();
  const note = (kind: BpfKind, at: Gva, foundBy: string) => {
    if (at === 0n) return;
    const known = used.get(at);
    if (known === undefined) used.set(at, { kind, at, foundBy: [foundBy] });
    else if (known.foundBy.length < MAX_FOUND_BY && !known.foundBy.includes(foundBy)) {
      known.foundBy.push(foundBy);
    }
  };
  if (!kernel.hasSymbol("prog_idr")) return { registered, used: [], isComplete };

  noteFiles(kernel, note);
  noteSymbols(kernel, note);
  const usedOf = (kind: BpfKind) =>
    [...used.values()].flatMap((each) => (each.kind === kind ? each.at : []));
  const programOf = kernel.struct("bpf_link").pointer("prog");
  for (const link of new Set([...links, ...usedOf("link")])) {
    kernel.attempt(() => note("program", programOf(link), "a link"), "bpf_link", link);
  }
  noteAttachments(kernel, registered, note);
  noteMaps(kernel, new Set([...programs, ...usedOf("program")]), registered, note);
  return { registered, used: [...used.values()], isComplete };
}

/** Objects in an IDR. */
function registry(kernel: KernelReader, name: string): readonly Gva[] {
  if (!kernel.hasSymbol(name)) return [];
  const walk = kernel.attemptWalk(kernel.idr(kernel.symbol(name)), name);
  return Array.from(walk, ({ entry }) => entry);
}

type NoteObject = (kind: BpfKind, at: Gva, foundBy: string) => void;

/** Descriptors of processes. */
function noteFiles(kernel: KernelReader, note: NoteObject): void {
  const file = kernel.struct("file");
  const operations = file.pointer("f_op");
  const object = file.pointer("private_data");
  const pid = kernel.struct("task_struct").number("tgid");
  const kinds = new Map<Gva, BpfKind>();
  for (const [name, kind] of [
    ["bpf_prog_fops", "program"],
    ["bpf_map_fops", "map"],
    ["bpf_link_fops", "link"],
    ["bpf_link_fops_poll", "link"],
  ] as const) {
    if (kernel.hasSymbol(name)) kinds.set(kernel.symbol(name), kind);
  }
  for (const { task, fd, file: at } of walkProcessFiles(kernel)) {
    kernel.attempt(
      () => {
        const kind = kinds.get(operations(at));
        if (kind !== undefined) note(kind, object(at), `descriptor ${fd} of process ${pid(task)}`);
      },
      "file",
      at,
    );
  }
}

/** Programs by the symbols of their code: `bpf_kallsyms`. */
function noteSymbols(kernel: KernelReader, note: NoteObject): void {
  if (!kernel.hasSymbol("bpf_kallsyms")) return;
  const symbol = kernel.struct("bpf_ksym");
  const isProgram = symbol.number("prog");
  const aux = kernel.struct("bpf_prog_aux");
  const program = aux.pointer("prog");
  const functionIndex = aux.number("func_idx");
  const walk = symbol.list(kernel.symbol("bpf_kallsyms"), "lnode");
  kernel.each("bpf_ksym", walk, (at) => {
    if (isProgram(at) === 0) return;
    const owner = aux.containerOf(at, "ksym");
    // A program of several functions has a symbol for each; the first stands for all.
    if (functionIndex(owner) === 0) note("program", program(owner), "its symbol");
  });
}

/** Programs where they run. */
function noteAttachments(
  kernel: KernelReader,
  registered: ReadonlySet<Gva>,
  note: NoteObject,
): void {
  const id = kernel.struct("bpf_prog").number("aux->id");
  const isProgram = (at: Gva) => registered.has(at);
  const walk = walkBpfAttachments(kernel, addressNames(kernel), isProgram);
  for (const found of kernel.attemptWalk(walk, "attachments of BPF programs")) {
    const { program, kind, target } = found;
    const number = kernel.attempt(() => id(program), "bpf_prog", program);
    if (number === undefined || (MAY_BE_CLASSIC.has(kind) && number === 0)) continue;
    note("program", program, `${kind} of ${target}`);
  }
}

/** Maps of programs: `used_maps`. */
function noteMaps(
  kernel: KernelReader,
  programs: Iterable<Gva>,
  registered: ReadonlySet<Gva>,
  note: NoteObject,
): void {
  const program = kernel.struct("bpf_prog");
  const maps = program.pointer("aux->used_maps");
  const count = program.number("aux->used_map_cnt");
  const noteMapsOf = (at: Gva) => {
    const array = maps(at);
    for (let i = 0; array !== 0n && i < Math.min(count(at), MAX_USED_MAPS); i += 1) {
      kernel.budget.step();
      const map = kernel.memory.pointer(array, i * 8);
      if (!registered.has(map)) note("map", map, "a program that uses it");
    }
  };
  for (const at of programs) kernel.attempt(() => noteMapsOf(at), "bpf_prog", at);
}
