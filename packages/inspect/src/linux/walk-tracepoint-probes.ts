import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Hook } from "./hook.ts";
import { walkModules } from "./walk-modules.ts";

/** Debian's kernels have some 2,500, modules a few hundred at most. */
const MAX_TRACEPOINTS = 100_000;
const TRACEPOINTS_PER_STEP = 16;
const MAX_PROBES = 1024;

/** Functions that tracepoints call, of the kernel and of modules. */
export function* walkTracepointProbes(kernel: KernelReader): Generator<Hook> {
  if (!kernel.hasStruct("tracepoint") || !kernel.hasSymbol("__start___tracepoints_ptrs")) return;
  const start = kernel.symbol("__start___tracepoints_ptrs");
  const length = Number(kernel.symbol("__stop___tracepoints_ptrs") - start);
  yield* walkPointers(kernel, start, length / 4);
  const module = kernel.struct("module");
  if (!module.has("num_tracepoints")) return;
  const count = module.number("num_tracepoints");
  const pointers = module.pointer("tracepoints_ptrs");
  for (const at of walkModules(kernel)) yield* walkPointers(kernel, pointers(at), count(at));
}

/** Tracepoints are told by how far they are from where it is said (`tracepoint_ptr_t`), in 32 bits. */
function* walkPointers(kernel: KernelReader, start: Gva, count: number): Generator<Hook> {
  const tracepoint = kernel.struct("tracepoint");
  const name = tracepoint.string("name");
  const funcs = tracepoint.offset("funcs");
  const length = Math.min(count, MAX_TRACEPOINTS);
  if (length === 0) return;
  const offsets = new Int32Array(kernel.memory.bytes(start, length * 4).buffer);
  for (let i = 0; i < length; i += 1) {
    if (i % TRACEPOINTS_PER_STEP === 0) kernel.budget.step();
    const at = gva(start + BigInt(i * 4 + (offsets[i] ?? 0)));
    // All but a few have no probes: only what leads to some is worth remembering.
    if (kernel.memory.u64(at, funcs) === 0n) continue;
    yield* walkProbes(kernel, name(at), kernel.link(at, funcs));
  }
}

/** `tracepoint_func`s up to one without a function. */
function* walkProbes(kernel: KernelReader, where: string, funcs: Gva): Generator<Hook> {
  if (funcs === 0n) return;
  const probe = kernel.struct("tracepoint_func");
  const priority = probe.number("prio");
  const called = probe.offset("func");
  // What could not be removed for want of memory calls this instead.
  const stub = kernel.hasSymbol("tp_stub_func") ? kernel.symbol("tp_stub_func") : undefined;
  for (let i = 0; i < MAX_PROBES; i += 1) {
    kernel.budget.step();
    const structure = probe.element(funcs, i);
    const target = kernel.link(structure, called);
    if (target === 0n) return;
    if (target === stub) continue;
    yield { kind: "tracepoint", where, target, structure, priority: priority(structure) };
  }
}
