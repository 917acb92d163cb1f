import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { addressNames } from "../linux/address-names.ts";
import { attachFuncName } from "../linux/attach-func-name.ts";
import { bpfLinkTarget } from "../linux/bpf-link-target.ts";
import { enumNames } from "../linux/enum-names.ts";
import { walkBpfAttachments } from "../linux/walk-bpf-attachments.ts";
import { defineView } from "./define-view.ts";
import { isoTime } from "./iso-time.ts";
import { readKernelTime } from "./kernel-time.ts";

interface BpfObject {
  readonly id: number;
  /** As bpftool has it: `xdp`, `hash`, `tracing`. */
  readonly type: string;
  /** HOSTILE: whoever loads it names it. */
  readonly name: string;
  /** Address of its `struct bpf_prog`, `bpf_map`, `bpf_link` or `btf`. */
  readonly address: string;
}

/** Where a program runs. */
export interface BpfAttachmentRow {
  /** In which way: `xdp`, `trace_fentry`, `kprobe`, `cgroup_device`, …. */
  readonly kind: string;
  /** A device, function, tracepoint, control group, …; null where it is gone. HOSTILE. */
  readonly target: string | null;
  /** The link that holds it there; null where none does. */
  readonly linkId: number | null;
}

/** Where a program was seen: a kernel that tells the truth has all in its registry. */
export type BpfSeenIn = "registry" | "symbols" | "attachments";

export interface BpfProgramRow extends BpfObject {
  readonly object: "program";
  /** Of its instructions; hexadecimal. */
  readonly tag: string;
  /** Who loaded it, as the initial user namespace counts; null for the kernel. */
  readonly uid: number | null;
  /** Nanoseconds between boot and its load. */
  readonly loadedNs: number;
  /** ISO 8601, by the guest's own clock. */
  readonly loadedAt: string;
  readonly gplCompatible: boolean;
  /** Instructions after verification. */
  readonly instructions: number;
  /** Where its machine code is; null where it is interpreted. */
  readonly codeAddress: string | null;
  /** Length of the machine code of all its functions, in bytes. */
  readonly codeBytes: number;
  readonly mapIds: readonly number[];
  readonly btfId: number | null;
  /** The kernel function or program it was made for. */
  readonly attachFunction: string | null;
  readonly attachments: readonly BpfAttachmentRow[];
  readonly seenIn: readonly BpfSeenIn[];
}

export interface BpfMapRow extends BpfObject {
  readonly object: "map";
  /** In bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_…` (include/uapi/linux/bpf.h). */
  readonly flags: number;
  /** Whether user space may no longer write it. */
  readonly frozen: boolean;
  readonly btfId: number | null;
}

export interface BpfLinkRow extends BpfObject {
  readonly object: "link";
  readonly programId: number | null;
  readonly attachType: string | null;
  readonly target: string | null;
}

export interface BpfBtfRow extends BpfObject {
  readonly object: "btf";
  readonly bytes: number;
  /** Whether it describes the kernel or a module, not a program. */
  readonly kernel: boolean;
}

export type BpfRow = BpfProgramRow | BpfMapRow | BpfLinkRow | BpfBtfRow;

/** MAX_USED_MAPS (include/linux/bpf_verifier.h). */
const MAX_USED_MAPS = 64;
/** BPF_MAX_SUBPROGS (include/linux/bpf_verifier.h) is 256. */
const MAX_FUNCTIONS = 1024;

/** BPF programs, maps, links and types: what `bpftool prog|map|link|btf` list, and where programs run. */
export const bpf = defineView({
  id: "bpf",
  kind: "BpfObjectList",
  title: "BPF",
  needs: ["kernelMetadata"],
  read({ kernel }): readonly BpfRow[] {
    if (!kernel.hasSymbol("prog_idr")) return [];
    const links = readLinks(kernel);
    return [
      ...readPrograms(kernel, links),
      ...readMaps(kernel),
      ...links.map(({ row }) => row),
      ...readBtf(kernel),
    ];
  },
  columns: [
    { key: "object", title: "OBJECT" },
    { key: "id", title: "ID", align: "right" },
    { key: "type", title: "TYPE" },
    { key: "name", title: "NAME", text: ({ name }) => name || "-" },
    { key: "address", title: "DETAILS", text: details },
  ],
});

/** Entries of an IDR: number and object. */
function registry(kernel: KernelReader, symbol: string): readonly { id: number; at: Gva }[] {
  if (!kernel.hasSymbol(symbol)) return [];
  const entries = kernel.attemptWalk(kernel.idr(kernel.symbol(symbol)), symbol);
  return Array.from(entries, ({ index, entry }) => ({ id: index, at: entry }));
}

/** What `read` makes of each of `found`, which are all of type `struct`; the look tells of damaged ones. */
function readEach<Found extends { readonly at: Gva }, Row>(
  kernel: KernelReader,
  struct: string,
  found: readonly Found[],
  read: (each: Found) => Row,
): Row[] {
  const rows: Row[] = [];
  for (const each of found) kernel.attempt(() => rows.push(read(each)), struct, each.at);
  return rows;
}

interface ReadLink {
  readonly row: BpfLinkRow;
  readonly program: Gva;
}

function readLinks(kernel: KernelReader): readonly ReadLink[] {
  const found = registry(kernel, "link_idr");
  if (found.length === 0) return [];
  const link = kernel.struct("bpf_link");
  const type = link.number("type");
  const program = link.pointer("prog");
  const programId = kernel.struct("bpf_prog").number("aux->id");
  const typeName = enumNames(kernel, { names: ["bpf_link_type"], prefix: "BPF_LINK_TYPE_" });
  const readTarget = bpfLinkTarget(kernel, addressNames(kernel));
  return readEach(kernel, "bpf_link", found, ({ id, at }) => {
    const kind = typeName(type(at));
    const attached = program(at);
    const row: BpfLinkRow = {
      object: "link",
      id,
      type: kind,
      name: "",
      programId: attached === 0n ? null : programId(attached),
      ...readTarget(at, kind),
      address: formatAddress(at),
    };
    return { row, program: attached };
  });
}

function readPrograms(kernel: KernelReader, links: readonly ReadLink[]): readonly BpfProgramRow[] {
  const seen = new Map<Gva, Set<BpfSeenIn>>();
  const see = (program: Gva, where: BpfSeenIn) => {
    const places = seen.get(program);
    if (places === undefined) seen.set(program, new Set([where]));
    else places.add(where);
  };
  for (const { at } of registry(kernel, "prog_idr")) see(at, "registry");
  for (const at of kernel.attemptWalk(walkProgramSymbols(kernel), "bpf_kallsyms")) {
    see(at, "symbols");
  }

  const attachments = new Map<Gva, BpfAttachmentRow[]>();
  const attach = (program: Gva, row: BpfAttachmentRow) => {
    see(program, "attachments");
    const others = attachments.get(program);
    if (others === undefined) attachments.set(program, [row]);
    else if (!others.some(({ kind, target }) => kind === row.kind && target === row.target)) {
      others.push(row);
    }
  };
  for (const { row, program } of links) {
    const { attachType, type, target, id } = row;
    if (program !== 0n) attach(program, { kind: attachType ?? type, target, linkId: id });
  }
  const id = kernel.struct("bpf_prog").number("aux->id");
  const isProgram = (at: Gva) => seen.has(at);
  const walk = walkBpfAttachments(kernel, addressNames(kernel), isProgram);
  for (const found of kernel.attemptWalk(walk, "attachments of BPF programs")) {
    const { program, kind, target } = found;
    // Filters of the old kind, which sockets may have as well, are in no registry and have no number.
    if (isProgram(program) || id(program) !== 0) attach(program, { kind, target, linkId: null });
  }

  const read = programReader(kernel);
  const programs = Array.from(seen, ([at, places]) => ({ at, places }));
  return readEach(kernel, "bpf_prog", programs, ({ at, places }) => ({
    ...read(at),
    attachments: attachments.get(at) ?? [],
    seenIn: [...places],
  })).toSorted((one, other) => one.id - other.id);
}

/** Programs by the symbols of their code: `bpf_kallsyms`. */
function* walkProgramSymbols(kernel: KernelReader): Generator<Gva> {
  if (!kernel.hasSymbol("bpf_kallsyms")) return;
  const symbol = kernel.struct("bpf_ksym");
  const isProgram = symbol.number("prog");
  const aux = kernel.struct("bpf_prog_aux");
  const program = aux.pointer("prog");
  const functionIndex = aux.number("func_idx");
  for (const at of symbol.list(kernel.symbol("bpf_kallsyms"), "lnode")) {
    if (isProgram(at) === 0) continue;
    const owner = aux.containerOf(at, "ksym");
    // A program of several functions has a symbol for each; the first stands for all.
    if (functionIndex(owner) !== 0) continue;
    yield program(owner);
  }
}

function programReader(
  kernel: KernelReader,
): (at: Gva) => Omit<BpfProgramRow, "attachments" | "seenIn"> {
  const program = kernel.struct("bpf_prog");
  const type = program.number("type");
  const tag = program.bytes("tag");
  const length = program.number("len");
  const gplCompatible = program.number("gpl_compatible");
  const jited = program.number("jited");
  const jitedLength = program.number("jited_len");
  const code = program.pointer("bpf_func");
  const id = program.number("aux->id");
  const name = program.string("aux->name");
  const user = program.pointer("aux->user");
  const uid = kernel.struct("user_struct").number("uid");
  const loadTime = program.number("aux->load_time");
  const maps = program.pointer("aux->used_maps");
  const mapCount = program.number("aux->used_map_cnt");
  const mapId = kernel.struct("bpf_map").number("id");
  const functions = program.pointer("aux->func");
  const functionCount = program.number("aux->func_cnt");
  const btf = program.pointer("aux->btf");
  const btfId = kernel.struct("btf").number("id");
  const attachFunction = attachFuncName(kernel, program, "aux");
  const typeName = enumNames(kernel, { names: ["bpf_prog_type"], prefix: "BPF_PROG_TYPE_" });
  const { boottime, realtime } = readKernelTime(kernel);
  const booted = realtime - boottime;

  const pointers = (array: Gva, count: number) => {
    kernel.budget.step(count);
    return Array.from({ length: array === 0n ? 0 : count }, (_, i) =>
      kernel.memory.pointer(array, i * 8),
    );
  };
  const codeBytes = (at: Gva): number => {
    const count = Math.min(functionCount(at), MAX_FUNCTIONS);
    if (count === 0) return jitedLength(at);
    return pointers(functions(at), count).reduce((sum, each) => sum + jitedLength(each), 0);
  };
  return (at) => {
    const owner = user(at);
    const loaded = loadTime(at);
    const types = btf(at);
    const isJited = jited(at) !== 0;
    return {
      object: "program",
      id: id(at),
      type: typeName(type(at)),
      name: name(at),
      tag: Buffer.from(tag(at)).toString("hex"),
      uid: owner === 0n ? null : uid(owner),
      loadedNs: loaded,
      loadedAt: isoTime(booted + BigInt(loaded)),
      gplCompatible: gplCompatible(at) !== 0,
      instructions: length(at),
      codeAddress: isJited ? formatAddress(code(at)) : null,
      codeBytes: isJited ? codeBytes(at) : 0,
      mapIds: pointers(maps(at), Math.min(mapCount(at), MAX_USED_MAPS)).map(mapId),
      btfId: types === 0n ? null : btfId(types),
      attachFunction: attachFunction(at) || null,
      address: formatAddress(at),
    };
  };
}

function readMaps(kernel: KernelReader): readonly BpfMapRow[] {
  const map = kernel.struct("bpf_map");
  const type = map.number("map_type");
  const name = map.string("name");
  const keySize = map.number("key_size");
  const valueSize = map.number("value_size");
  const maxEntries = map.number("max_entries");
  const flags = map.number("map_flags");
  const frozen = map.number("frozen");
  const btf = map.pointer("btf");
  const btfId = kernel.struct("btf").number("id");
  const typeName = enumNames(kernel, { names: ["bpf_map_type"], prefix: "BPF_MAP_TYPE_" });
  return readEach(kernel, "bpf_map", registry(kernel, "map_idr"), ({ id, at }) => {
    const types = btf(at);
    return {
      object: "map",
      id,
      type: typeName(type(at)),
      name: name(at),
      keySize: keySize(at),
      valueSize: valueSize(at),
      maxEntries: maxEntries(at),
      flags: flags(at),
      frozen: frozen(at) !== 0,
      btfId: types === 0n ? null : btfId(types),
      address: formatAddress(at),
    };
  });
}

function readBtf(kernel: KernelReader): readonly BpfBtfRow[] {
  const btf = kernel.struct("btf");
  // Up to 5.10 only programs' types are here, and none has a name.
  const name = btf.has("name") ? btf.string("name") : () => "";
  const isKernel = btf.has("kernel_btf") ? btf.number("kernel_btf") : () => 0;
  const bytes = btf.number("data_size");
  return readEach(kernel, "btf", registry(kernel, "btf_idr"), ({ id, at }) => ({
    object: "btf",
    id,
    type: isKernel(at) !== 0 ? "kernel" : "program",
    name: name(at),
    bytes: bytes(at),
    kernel: isKernel(at) !== 0,
    address: formatAddress(at),
  }));
}

function details(row: BpfRow): string {
  switch (row.object) {
    case "program": {
      const places = row.attachments.map(({ kind, target }) =>
        target === null ? kind : `${kind} ${target}`,
      );
      const hidden = row.seenIn.includes("registry") ? [] : ["NOT IN THE REGISTRY"];
      const user = row.uid === null ? "" : `uid ${row.uid}, `;
      const what = `${user}${row.instructions} instructions, tag ${row.tag}`;
      return [...hidden, ...(places.length > 0 ? places : ["not attached"]), what].join("; ");
    }
    case "map":
      return `key ${row.keySize} B, value ${row.valueSize} B, at most ${row.maxEntries}`;
    case "link": {
      const program = row.programId === null ? "" : `program ${row.programId} `;
      return `${program}${row.attachType ?? ""} ${row.target ?? "nowhere"}`.trim();
    }
    case "btf":
      return `${row.bytes} B`;
  }
}
