import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { CircleFinder } from "../walk/circle-finder.ts";
import type { Hook } from "./hook.ts";

/** Bits of `ftrace_ops.flags` (include/linux/ftrace.h); macros, so BTF does not know them. */
const FLAGS = { "save regs": 1 << 2, "change ip": 1 << 12, permanent: 1 << 16, direct: 1 << 17 };
const STUB = 1 << 5;
/** Of the functions that one tracer is at, so many get a row; tools trace thousands at once. */
const MAX_FUNCTIONS = 256;
/** `FTRACE_HASH_MAX_BITS` (kernel/trace/ftrace.c) is 12. */
const MAX_HASH_BITS = 16;

interface HashEntry {
  /** Where the function calls the tracer, at its start. */
  readonly ip: Gva;
  /** What it calls instead of the tracer; NULL unless it calls directly. */
  readonly direct: Gva;
}

/**
 * Functions whose start calls a tracer (`ftrace_ops`): /sys/kernel/tracing/enabled_functions. Live patches
 * and most kernel rootkits of today are among them. `nameOf` tells the function at an address.
 */
export function* walkFtraceHooks(
  kernel: KernelReader,
  nameOf: (address: Gva) => string,
): Generator<Hook> {
  if (!kernel.hasStruct("ftrace_ops") || !kernel.hasSymbol("ftrace_ops_list")) return;
  const type = kernel.struct("ftrace_ops");
  const end = kernel.symbol("ftrace_list_end");
  const next = type.offset("next");
  const func = type.pointer("func");
  const flags = type.number("flags");
  const directCall = type.has("direct_call") ? type.pointer("direct_call") : () => gva(0n);
  const hashes = ftraceHashes(kernel);
  const direct = directFunctions(kernel, hashes);
  const entryOf = graphEntry(kernel);
  const calledBy = fprobeEntry(kernel);

  const hooksOf = function* (ops: Gva, target: Gva): Generator<Hook> {
    const bits = flags(ops);
    if ((bits & STUB) !== 0) return;
    const names = Object.entries(FLAGS).flatMap(([name, bit]) => ((bits & bit) !== 0 ? name : []));
    const hook = (where: string, called: Gva): Hook => ({
      kind: "ftrace",
      where,
      target: called,
      structure: ops,
      flags: names,
    });
    const { filter, except } = hashes.of(ops);
    const { count } = filter;
    if (count === 0) {
      yield hook(except === 0 ? "all functions" : `all functions but ${except}`, target);
      return;
    }
    let shown = 0;
    for (const { ip, direct: own } of filter.entries()) {
      if (shown === MAX_FUNCTIONS) {
        yield hook(`${count - shown} more functions`, target);
        return;
      }
      shown += 1;
      const isDirect = (bits & FLAGS.direct) !== 0;
      const jump = isDirect ? [own, direct.get(ip) ?? 0n, directCall(ops)].find(isSet) : undefined;
      yield hook(functionName(nameOf(ip)), jump === undefined ? target : gva(jump));
    }
  };

  const circle = new CircleFinder();
  for (let ops = kernel.link(kernel.symbol("ftrace_ops_list")); ops !== end && ops !== 0n; ) {
    kernel.budget.step();
    circle.visit(ops);
    yield* hooksOf(ops, calledBy(ops) ?? func(ops));
    // Since 6.11 one may stand for others, which say what runs when a function starts.
    for (const sub of entryOf.subOps(ops)) yield* hooksOf(sub, entryOf.entry(sub));
    ops = kernel.link(ops, next);
  }
}

function isSet(address: bigint): boolean {
  return address !== 0n;
}

/** A call is a few bytes into its function: `%ps` of the kernel. */
function functionName(place: string): string {
  return place.replace(/\+0x[0-9a-f]+/, "");
}

interface FtraceHash {
  readonly count: number;
  entries(): Generator<HashEntry>;
}

interface FtraceHashes {
  /** What a tracer is at: the functions of `filter`, or without any all functions, but for `except` ones. */
  of(ops: Gva): { readonly filter: FtraceHash; readonly except: number };
  at(hash: Gva): FtraceHash;
}

function ftraceHashes(kernel: KernelReader): FtraceHashes {
  const ops = kernel.struct("ftrace_ops");
  const filterHash = ops.pointer("func_hash->filter_hash");
  const notraceHash = ops.pointer("func_hash->notrace_hash");
  const hash = kernel.struct("ftrace_hash");
  const sizeBits = hash.number("size_bits");
  const buckets = hash.pointer("buckets");
  const count = hash.number("count");
  const entry = kernel.struct("ftrace_func_entry");
  const ip = entry.pointer("ip");
  const direct = entry.has("direct") ? entry.pointer("direct") : () => gva(0n);
  const none: FtraceHash = { count: 0, *entries() {} };

  const walk = function* (at: Gva): Generator<HashEntry> {
    const heads = buckets(at);
    const length = 2 ** Math.min(sizeBits(at), MAX_HASH_BITS);
    for (let i = 0; i < length; i += 1) {
      kernel.budget.step();
      if (kernel.memory.u64(heads, i * 8) === 0n) continue;
      for (const each of entry.hlist(gva(heads + BigInt(i * 8)), "hlist")) {
        yield { ip: ip(each), direct: direct(each) };
      }
    }
  };
  const at = (address: Gva): FtraceHash =>
    address === 0n ? none : { count: count(address), entries: () => walk(address) };
  return {
    at,
    of: (each) => ({ filter: at(filterHash(each)), except: at(notraceHash(each)).count }),
  };
}

/** Where functions jump that call something directly, BPF's trampolines above all: `direct_functions`. */
function directFunctions(kernel: KernelReader, hashes: FtraceHashes): ReadonlyMap<Gva, Gva> {
  if (!kernel.hasSymbol("direct_functions")) return new Map();
  const hash = kernel.link(kernel.symbol("direct_functions"));
  return new Map(
    hashes
      .at(hash)
      .entries()
      .map(({ ip, direct }) => [ip, direct]),
  );
}

/** The tracers that one stands for (`ftrace_ops.subop_list`), which are parts of a `fgraph_ops`. */
function graphEntry(kernel: KernelReader): {
  readonly subOps: (ops: Gva) => Iterable<Gva>;
  readonly entry: Accessor<Gva>;
} {
  const type = kernel.struct("ftrace_ops");
  const graph = kernel.hasStruct("fgraph_ops") ? kernel.struct("fgraph_ops") : undefined;
  if (!type.has("subop_list") || graph?.has("ops") !== true) {
    return { subOps: () => [], entry: () => gva(0n) };
  }
  const head = type.address("subop_list");
  const first = type.offset("subop_list");
  const entry = graph.pointer("entryfunc");
  return {
    subOps: (ops) => (kernel.memory.u64(ops, first) === 0n ? [] : type.list(head(ops), "list")),
    entry: (ops) => entry(graph.containerOf(ops, "ops")),
  };
}

/** What a `fprobe` calls, up to 6.13 where each has a tracer of its own. */
function fprobeEntry(kernel: KernelReader): (ops: Gva) => Gva | undefined {
  const type = kernel.hasStruct("fprobe") ? kernel.struct("fprobe") : undefined;
  if (type?.has("ops.func") !== true) return () => undefined;
  const func = type.pointer("ops.func");
  const before = type.pointer("entry_handler");
  const after = type.pointer("exit_handler");
  const handlers = ["fprobe_handler", "fprobe_kprobe_handler"]
    .filter((name) => kernel.hasSymbol(name))
    .map((name) => kernel.symbol(name));
  return (ops) => {
    const probe = type.containerOf(ops, "ops");
    if (!handlers.includes(func(probe))) return undefined;
    const entry = before(probe);
    return entry === 0n ? after(probe) : entry;
  };
}
