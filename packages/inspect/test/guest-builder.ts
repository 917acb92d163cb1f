import type { PagingLevels } from "../src/memory/page-tables.ts";
import { BtfBuilder } from "./btf-builder.ts";
import { ByteMemory, type ByteMemoryOptions } from "./byte-memory.ts";
import { type BuiltSymbol, buildKallsyms, type KallsymsLayout } from "./kallsyms-builder.ts";
import { PAGE_2M, PageTableBuilder } from "./page-table-builder.ts";
import { addPrintkTypes } from "./printk-types.ts";
import { addTaskTypes } from "./task-types.ts";

export interface BuiltTask {
  readonly pid: number;
  readonly comm: Uint8Array | string;
  readonly state?: number;
  readonly uid?: number;
}

export interface GuestOptions extends ByteMemoryOptions {
  readonly levels?: PagingLevels;
  readonly layout?: KallsymsLayout;
  readonly kaslr?: bigint;
  readonly tasks?: readonly BuiltTask[];
}

export interface BuiltGuest {
  readonly memory: ByteMemory;
  readonly textBase: bigint;
  readonly directBase: bigint;
  /** Where the kernel image is in RAM. */
  readonly physicalBase: number;
  readonly root: number;
  /** Offsets of members, and physical addresses of the tasks, the idle one first. */
  readonly btf: BtfBuilder;
  readonly tasks: readonly number[];
  readonly btfAt: number;
  readonly kallsymsAt: number;
}

const MIB = 1024 * 1024;
const SIZE = 12 * MIB;
const IMAGE = 4 * MIB;
const IMAGE_SIZE = 5 * MIB;
const BTF_NAMES = 1_500_000;
export const BANNER = "Linux version 6.6.6-synthetic (casemate@test) (gcc) #1 SMP\n";
const BUILD_ID = "00112233445566778899aabbccddeeff00112233";

/** A small machine with a kernel in it: 12 MiB of RAM, laid out as Linux does, every structure at hand. */
export function buildGuest(options: GuestOptions = {}): BuiltGuest {
  const levels = options.levels ?? 4;
  const layout = options.layout ?? "6.4";
  const textBase = 0xffff_ffff_8100_0000n + (options.kaslr ?? 0x0a00_0000n);
  const directBase = levels === 5 ? 0xff11_2222_0000_0000n : 0xffff_8881_0000_0000n;
  const memory = new ByteMemory(new Uint8Array(SIZE), options);
  const { view, bytes } = memory;
  const btf = buildTypes();
  const text = (offset: number, value: string | Uint8Array) =>
    bytes.set(Buffer.from(value as string), offset); // Buffer.from takes both, its overloads do not
  const u64 = (offset: number, value: bigint | number) =>
    view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);

  // Read-only data, then BTF, then data, as the linker script has them.
  const offsets = {
    linux_banner: 0x1000,
    page_offset_base: 0x1100,
    vmalloc_base: 0x1108,
    vmemmap_base: 0x1110,
    __start_notes: 0x1200,
    __stop_notes: 0x1224,
    kallsyms: 0x2000,
    __start_BTF: MIB,
    init_top_pgt: 3 * MIB + MIB / 2,
    phys_base: 0x39_0010,
    init_uts_ns: 0x39_1000,
    saved_command_line: 0x39_2000,
    nr_cpu_ids: 0x39_2010,
    __cpu_online_mask: 0x39_2020,
    __per_cpu_offset: 0x39_3000,
    tk_core: 0x39_4000,
    tainted_mask: 0x39_5000,
    nr_threads: 0x39_5008,
    avenrun: 0x39_5010,
    prb: 0x39_5040,
    init_task: 0x3a_0000,
    _end: IMAGE_SIZE,
  };
  const at = (name: keyof typeof offsets) => IMAGE + offsets[name];

  text(at("linux_banner"), BANNER);
  u64(at("page_offset_base"), directBase);
  u64(at("vmalloc_base"), levels === 5 ? 0xffa0_0000_0000_0000n : 0xffff_c900_0000_0000n);
  u64(at("vmemmap_base"), levels === 5 ? 0xffd4_0000_0000_0000n : 0xffff_ea00_0000_0000n);
  text(at("__start_notes"), Buffer.from(`040000001400000003000000474e5500${BUILD_ID}`, "hex"));
  const types = btf.build(BTF_NAMES);
  text(at("__start_BTF"), types);
  u64(at("phys_base"), BigInt(IMAGE) - (textBase - 0xffff_ffff_8000_0000n));
  const utsname = btf.offsetOf("uts_namespace", "name");
  text(at("init_uts_ns") + utsname + btf.offsetOf("new_utsname", "nodename"), "synthetic\0");
  const commandLine = 2 * MIB;
  text(commandLine, "console=ttyS0 quiet\0");
  u64(at("saved_command_line"), directBase + BigInt(commandLine));
  view.setUint32(at("nr_cpu_ids"), 2, true);
  u64(at("__cpu_online_mask"), 0b11);
  u64(at("__per_cpu_offset"), directBase);
  u64(at("__per_cpu_offset") + 8, directBase + 0x1000n);
  writeTimekeeper(btf, view, at("tk_core"));

  const tasks = writeTasks(btf, memory, options.tasks ?? DEFAULT_TASKS, {
    idle: at("init_task"),
    idleAddress: textBase + BigInt(offsets.init_task),
    directBase,
  });

  const tables = new PageTableBuilder(view, levels, at("init_top_pgt"), 10 * MIB);
  for (let mapped = 0; mapped < SIZE; mapped += PAGE_2M) {
    tables.map(directBase + BigInt(mapped), mapped, PAGE_2M);
  }
  for (let mapped = 0; mapped < IMAGE_SIZE; mapped += PAGE_2M) {
    tables.map(textBase + BigInt(mapped), IMAGE + mapped, PAGE_2M);
  }

  const kallsyms = buildKallsyms(
    layout,
    [...symbolsOf(offsets, textBase), ...fillers(textBase, layout)],
    textBase + BigInt(offsets.kallsyms),
    textBase,
  );
  text(at("kallsyms"), kallsyms.bytes);
  return {
    memory,
    textBase,
    directBase,
    physicalBase: IMAGE,
    root: at("init_top_pgt"),
    btf,
    tasks,
    btfAt: at("__start_BTF"),
    kallsymsAt: at("kallsyms"),
  };
}

const DEFAULT_TASKS: readonly BuiltTask[] = [
  { pid: 1, comm: "init", state: 1 },
  { pid: 2, comm: "kworker/0:1", state: 0x402 },
  { pid: 77, comm: "sshd", state: 0, uid: 33 },
];

function symbolsOf(offsets: Readonly<Record<string, number>>, base: bigint): BuiltSymbol[] {
  return [
    { name: "_text", type: "T", address: base },
    ...Object.entries(offsets)
      .filter(([name]) => name !== "kallsyms")
      .map(([name, offset]) => ({ name, type: "D", address: base + BigInt(offset) })),
  ];
}

/** Enough symbols for several markers, static ones of one name among them, and per-CPU ones at zero. */
function fillers(base: bigint, layout: KallsymsLayout): BuiltSymbol[] {
  const functions = Array.from({ length: 900 }, (_, i) => ({
    name: i % 10 === 0 ? "__key" : `sys_function_${i}`,
    type: "t",
    address: base + 16n * BigInt(i + 1),
  }));
  const zeroBased = layout === "5.10" || layout === "6.2" || layout === "6.4";
  const perCpu = zeroBased ? 0x2_0000n : base + 0x48_0000n;
  return [...functions, { name: "runqueues", type: "A", address: perCpu }];
}

function buildTypes(): BtfBuilder {
  const btf = new BtfBuilder();
  const char = btf.int("char", 1, true);
  const byte = btf.int("unsigned char", 1);
  const int = btf.int("int", 4, true);
  const unsigned = btf.int("unsigned int", 4);
  const u64 = btf.int("long unsigned int", 8);
  const s64 = btf.int("long long int", 8, true);
  const list = btf.forward();
  const listPointer = btf.pointer(list);
  btf.struct(
    "list_head",
    [
      { name: "next", type: listPointer },
      { name: "prev", type: listPointer },
    ],
    list,
  );
  const kuid = btf.typedef("kuid_t", btf.struct("", [{ name: "val", type: unsigned }]));
  addPrintkTypes(btf, { char, unsigned, u64 });
  const more = addTaskTypes(btf, { char, int, unsigned, u64, kuid, pointer: listPointer });
  const cred = btf.struct("cred", [
    { name: "uid", type: kuid },
    { name: "euid", type: kuid },
    ...more.cred,
  ]);
  const signal = btf.struct("signal_struct", [{ name: "nr_threads", type: int }, ...more.signal]);
  const nameArray = btf.array(char, 65);
  const uts = btf.struct("new_utsname", [
    { name: "sysname", type: nameArray },
    { name: "nodename", type: nameArray },
  ]);
  btf.struct("uts_namespace", [
    { name: "id", type: u64 },
    { name: "name", type: uts },
  ]);
  const readBase = btf.struct("tk_read_base", [
    { name: "shift", type: unsigned },
    { name: "xtime_nsec", type: u64 },
    { name: "base", type: s64 },
  ]);
  const timekeeper = btf.struct("timekeeper", [
    { name: "tkr_mono", type: readBase },
    { name: "offs_real", type: s64 },
    { name: "offs_boot", type: s64 },
  ]);
  btf.struct("", [
    { name: "seq", type: unsigned },
    { name: "timekeeper", type: timekeeper },
  ]);
  addWalkTypes(btf, { byte, u64, list: listPointer });
  const task = btf.forward();
  const taskPointer = btf.pointer(task);
  const inner = btf.struct("", [
    { name: "flags", type: unsigned },
    { name: "remote_wakeup", type: unsigned, bitOffset: 35, bitSize: 3 },
    { name: "signed_bits", type: int, bitOffset: 38, bitSize: 4 },
  ]);
  btf.struct(
    "task_struct",
    [
      { name: "__state", type: unsigned },
      { name: "", type: btf.union("", [{ name: "", type: inner }]) },
      { name: "tasks", type: list },
      { name: "pid", type: int },
      { name: "tgid", type: btf.constant(int) },
      { name: "exit_state", type: int },
      { name: "real_parent", type: taskPointer },
      { name: "real_cred", type: btf.pointer(btf.constant(cred)) },
      { name: "signal", type: btf.pointer(signal) },
      { name: "start_boottime", type: u64 },
      { name: "comm", type: btf.array(char, 16) },
      { name: "policy", type: btf.enumeration("policy", { SCHED_NORMAL: 0, SCHED_FIFO: 1 }) },
      { name: "bytes", type: btf.array(byte, 4) },
      ...more.task,
    ],
    task,
  );
  return btf;
}

/** What trees and tables are made of: rbtree.h, xarray.h, maple_tree.h, rhashtable.h. */
function addWalkTypes(
  btf: BtfBuilder,
  { byte, u64, list }: { byte: number; u64: number; list: number },
): void {
  btf.struct("rb_node", [
    { name: "__rb_parent_color", type: u64 },
    { name: "rb_right", type: list },
    { name: "rb_left", type: list },
  ]);
  const xarray = btf.struct("xarray", [
    { name: "xa_flags", type: u64 },
    { name: "xa_head", type: list },
  ]);
  btf.struct("xa_node", [
    { name: "shift", type: byte },
    { name: "offset", type: byte },
    { name: "parent", type: list },
    { name: "slots", type: btf.array(list, 64) },
  ]);
  btf.struct("idr", [
    { name: "idr_rt", type: xarray },
    { name: "idr_base", type: btf.int("unsigned short", 2) },
  ]);
  btf.struct("maple_tree", [{ name: "ma_root", type: list }]);
  btf.struct("rhashtable", [
    { name: "tbl", type: list },
    { name: "rhlist", type: byte },
  ]);
  const unsigned = btf.int("unsigned int", 4);
  btf.struct("bucket_table", [
    { name: "size", type: unsigned },
    { name: "nest", type: unsigned },
    { name: "future_tbl", type: list },
    { name: "buckets", type: btf.array(list, 0) },
  ]);
  const node = (slots: number) =>
    btf.struct("", [
      { name: "parent", type: u64 },
      { name: "pivot", type: btf.array(u64, slots - 1) },
      { name: "slot", type: btf.array(list, slots) },
    ]);
  btf.union("maple_node", [
    { name: "mr64", type: node(16) },
    { name: "ma64", type: node(10) },
  ]);
}

function writeTimekeeper(btf: BtfBuilder, view: DataView, core: number): void {
  const at = core + 8;
  const mono = at + btf.offsetOf("timekeeper", "tkr_mono");
  view.setUint32(mono + btf.offsetOf("tk_read_base", "shift"), 8, true);
  view.setBigUint64(mono + btf.offsetOf("tk_read_base", "xtime_nsec"), 500n << 8n, true);
  view.setBigInt64(mono + btf.offsetOf("tk_read_base", "base"), 100_000_000_000n, true);
  view.setBigInt64(at + btf.offsetOf("timekeeper", "offs_real"), 1_700_000_000_000_000_000n, true);
}

interface TaskPlaces {
  readonly idle: number;
  readonly idleAddress: bigint;
  readonly directBase: bigint;
}

/** The idle task in the image, the others at 3 MiB and linked with it in a circle. */
function writeTasks(
  btf: BtfBuilder,
  memory: ByteMemory,
  tasks: readonly BuiltTask[],
  { idle, idleAddress, directBase }: TaskPlaces,
): readonly number[] {
  const { view, bytes } = memory;
  const member = (name: string) => btf.offsetOf("task_struct", name);
  const all = [{ pid: 0, comm: "swapper/0", state: 0 }, ...tasks] as readonly BuiltTask[]; // the idle task is one too
  const places = all.map((_, i) => (i === 0 ? idle : 3 * MIB + i * 1024));
  const address = (i: number) => (i === 0 ? idleAddress : directBase + BigInt(places[i] ?? 0));
  const link = (i: number) => address((i + all.length) % all.length) + BigInt(member("tasks"));
  all.forEach((task, i) => {
    const at = places[i] ?? 0;
    const cred = at + 512;
    const signal = at + 640;
    view.setUint32(at + member("__state"), task.state ?? 0, true);
    const flags = at + member("");
    view.setUint32(flags, task.comm === "kworker/0:1" ? 0x20_0020 : 0x40_0000, true);
    // The bitfields: 5 from bit 3 on, and -7 from bit 6 on.
    view.setUint16(flags + 4, 0b10_0110_1000, true);
    view.setBigUint64(at + member("tasks"), link(i + 1), true);
    view.setBigUint64(at + member("tasks") + 8, link(i - 1), true);
    view.setInt32(at + member("pid"), task.pid, true);
    view.setInt32(at + member("tgid"), task.pid, true);
    view.setBigUint64(at + member("real_parent"), address(task.pid > 2 ? 1 : 0), true);
    view.setBigUint64(at + member("real_cred"), directBase + BigInt(cred), true);
    view.setBigUint64(at + member("signal"), directBase + BigInt(signal), true);
    view.setBigUint64(at + member("start_boottime"), BigInt(task.pid) * 1_000_000_000n, true);
    view.setUint32(cred, task.uid ?? 0, true);
    view.setUint32(cred + btf.offsetOf("cred", "euid"), task.uid ?? 0, true);
    view.setInt32(signal, 1, true);
    bytes.set(Buffer.from(task.comm as string), at + member("comm")); // Buffer.from takes both, its overloads do not
    view.setUint32(at + member("policy"), 1, true);
  });
  return places;
}
