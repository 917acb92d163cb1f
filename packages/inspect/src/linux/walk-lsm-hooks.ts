import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import type { Hook } from "./hook.ts";

/** What security modules (LSMs) are asked before the kernel does something. */
export function* walkLsmHooks(kernel: KernelReader): Generator<Hook> {
  if (kernel.hasSymbol("static_calls_table") && kernel.hasStruct("lsm_static_calls_table")) {
    yield* walkStaticCalls(kernel);
  } else if (kernel.hasSymbol("security_hook_heads") && kernel.hasStruct("security_hook_heads")) {
    yield* walkHookHeads(kernel);
  }
}

/** Lists of functions: up to 6.11. */
function* walkHookHeads(kernel: KernelReader): Generator<Hook> {
  const heads = kernel.struct("security_hook_heads");
  const at = kernel.symbol("security_hook_heads");
  const hook = kernel.struct("security_hook_list");
  const target = hook.pointer("hook");
  const owner = remembered(hook.pointer("lsmid", "lsm"), hook.string("lsmid->name", "lsm"));
  for (const where of heads.memberNames) {
    const head = heads.offset(where);
    if (kernel.memory.u64(at, head) === 0n) continue;
    for (const structure of hook.hlist(gva(at + BigInt(head)), "list")) {
      yield { kind: "lsm", where, target: target(structure), structure, owner: owner(structure) };
    }
  }
}

/** Calls that are patched into the code (static calls), as many as there are LSMs for each hook: since 6.12. */
function* walkStaticCalls(kernel: KernelReader): Generator<Hook> {
  const table = kernel.struct("lsm_static_calls_table");
  const at = kernel.symbol("static_calls_table");
  const call = kernel.struct("lsm_static_call");
  const registered = call.pointer("hl");
  // What the key holds is what is called, whatever was registered.
  const target = call.pointer("key->func");
  const hook = kernel.struct("security_hook_list");
  const owner = remembered(hook.pointer("lsmid"), hook.string("lsmid->name"));
  for (const where of table.memberNames) {
    const first = table.offset(where);
    const count = table.length(where);
    for (let i = 0; i < count; i += 1) {
      kernel.budget.step();
      const each: Gva = gva(at + BigInt(first + i * call.size));
      const structure = registered(each);
      if (structure === 0n) continue;
      yield { kind: "lsm", where, target: target(each), structure, owner: owner(structure) };
    }
  }
}

/** What `read` gives, read once for all structs of which `key` gives the same. */
function remembered<Value>(key: Accessor<Gva>, read: Accessor<Value>): Accessor<Value> {
  const known = new Map<Gva, Value>();
  return (at) => {
    const by = key(at);
    const value = known.get(by) ?? read(at);
    known.set(by, value);
    return value;
  };
}
