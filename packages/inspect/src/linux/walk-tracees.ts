import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { CircleFinder } from "../walk/circle-finder.ts";

/** HOSTILE: no group of records has more. */
const MAX_RECORDS = 1 << 20;

/**
 * Where functions of `[start, end)` can be traced: addresses of their calls of `__fentry__`, by the records that
 * ftrace keeps of them (`do_for_each_ftrace_rec`). None in a kernel without ftrace.
 */
export function* walkTracees(kernel: KernelReader, start: Gva, end: Gva): Generator<Gva> {
  if (!kernel.hasStruct("ftrace_page") || !kernel.hasSymbol("ftrace_pages_start")) return;
  const group = kernel.struct("ftrace_page");
  const next = group.offset("next");
  const records = group.pointer("records");
  const count = group.number("index");
  const record = kernel.struct("dyn_ftrace");
  const ip = record.offset("ip");
  const circle = new CircleFinder();
  for (let at = kernel.link(kernel.symbol("ftrace_pages_start")); at !== 0n; ) {
    circle.visit(at);
    const first = records(at);
    const length = Math.min(count(at), MAX_RECORDS);
    for (let i = 0; i < length; i += 1) {
      kernel.budget.step();
      const address = kernel.memory.pointer(first, i * record.size + ip);
      if (address >= start && address < end) yield address;
    }
    at = kernel.link(at, next);
  }
}
