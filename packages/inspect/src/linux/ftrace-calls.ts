import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { CircleFinder } from "../walk/circle-finder.ts";

/** What functions may call at their start while they are traced. */
export interface FtraceCalls {
  /** Changes when tracers come and go. */
  readonly signature: string;
  /** Whether a function may call `target` from `ip`. */
  allows(ip: Gva, target: Gva): boolean;
  /** Whether `target` is what some tracer runs: where trampolines of ftrace may lead. */
  isTracer(target: Gva): boolean;
}

/** `FTRACE_OPS_FL_STUB` (include/linux/ftrace.h). */
const STUB = 1 << 5;
/** `FTRACE_HASH_MAX_BITS` (kernel/trace/ftrace.c) is 12. */
const MAX_HASH_BITS = 16;
/** What calls several tracers, and what runs none. */
const CALLERS = ["ftrace_caller", "ftrace_regs_caller"];
const NOBODY = ["ftrace_stub", "ftrace_ops_list_func", "arch_ftrace_ops_list_func"];

/** A registered tracer. */
interface Tracer {
  readonly func: Gva;
  readonly trampoline: Gva;
  readonly directCall: Gva;
  readonly filter: Gva;
  readonly except: Gva;
}

/** Reads the registered tracers (`ftrace_ops_list`); their functions are read when they are asked for. */
export function readFtraceCalls(kernel: KernelReader): FtraceCalls {
  const addresses = (names: readonly string[]) =>
    new Set(names.filter((name) => kernel.hasSymbol(name)).map((name) => kernel.symbol(name)));
  if (!kernel.hasStruct("ftrace_ops") || !kernel.hasSymbol("ftrace_ops_list")) {
    return { signature: "", allows: () => false, isTracer: () => false };
  }
  const callers = addresses(CALLERS);
  const nobody = addresses(NOBODY);
  const tracers = [...walkTracers(kernel)];
  const hashes = new Map<Gva, ReadonlyMap<Gva, Gva>>();
  const count = kernel.struct("ftrace_hash").number("count");
  const functionsOf = (hash: Gva) => {
    const known = hashes.get(hash) ?? readHash(kernel, hash);
    hashes.set(hash, known);
    return known;
  };
  const covers = ({ filter, except }: Tracer, ip: Gva) => {
    const functions = functionsOf(filter);
    return (functions.size === 0 || functions.has(ip)) && !functionsOf(except).has(ip);
  };
  const directHash = kernel.hasSymbol("direct_functions")
    ? kernel.link(kernel.symbol("direct_functions"))
    : gva(0n);
  const countOf = (hash: Gva) => (hash === 0n ? 0 : count(hash));
  const signature = tracers
    .map(({ filter, except, ...ops }) =>
      [...Object.values(ops), filter, countOf(filter), except, countOf(except)].join(),
    )
    .concat(`${directHash} ${countOf(directHash)}`)
    .join(";");
  return {
    signature,
    allows: (ip, target) =>
      tracers.some(
        (tracer) =>
          covers(tracer, ip) &&
          (callers.has(target) ||
            (tracer.trampoline !== 0n && target === tracer.trampoline) ||
            (target !== 0n &&
              (target === tracer.directCall || target === functionsOf(tracer.filter).get(ip)))),
      ) ||
      (target !== 0n && functionsOf(directHash).get(ip) === target),
    isTracer: (target) => nobody.has(target) || tracers.some(({ func }) => func === target),
  };
}

function* walkTracers(kernel: KernelReader): Generator<Tracer> {
  const type = kernel.struct("ftrace_ops");
  const next = type.offset("next");
  const flags = type.number("flags");
  const func = type.pointer("func");
  const trampoline = type.pointer("trampoline");
  const directCall = type.has("direct_call") ? type.pointer("direct_call") : () => gva(0n);
  const filter = type.pointer("func_hash->filter_hash");
  const except = type.pointer("func_hash->notrace_hash");
  const end = kernel.symbol("ftrace_list_end");
  const circle = new CircleFinder();
  for (let ops = kernel.link(kernel.symbol("ftrace_ops_list")); ops !== end && ops !== 0n; ) {
    kernel.budget.step();
    circle.visit(ops);
    if ((flags(ops) & STUB) === 0) {
      yield {
        func: func(ops),
        trampoline: trampoline(ops),
        directCall: directCall(ops),
        filter: filter(ops),
        except: except(ops),
      };
    }
    ops = kernel.link(ops, next);
  }
}

/** Functions of a `ftrace_hash`, and what each calls directly. */
function readHash(kernel: KernelReader, hash: Gva): ReadonlyMap<Gva, Gva> {
  const found = new Map<Gva, Gva>();
  if (hash === 0n) return found;
  const type = kernel.struct("ftrace_hash");
  if (type.number("count")(hash) === 0) return found;
  const entry = kernel.struct("ftrace_func_entry");
  const ip = entry.pointer("ip");
  const direct = entry.has("direct") ? entry.pointer("direct") : () => gva(0n);
  const heads = type.pointer("buckets")(hash);
  const length = 2 ** Math.min(type.number("size_bits")(hash), MAX_HASH_BITS);
  for (let i = 0; i < length; i += 1) {
    kernel.budget.step();
    if (kernel.memory.u64(heads, i * 8) === 0n) continue;
    for (const at of entry.hlist(gva(heads + BigInt(i * 8)), "hlist")) {
      found.set(ip(at), direct(at));
    }
  }
  return found;
}
