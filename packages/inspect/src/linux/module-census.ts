import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { isWhole } from "../walk/is-whole.ts";
import { walkModules } from "./walk-modules.ts";

/** Where the kernel keeps its modules, a bit each; the first three have every module that is live. */
export const ModulePlace = { list: 1, tree: 2, kset: 4, users: 8, types: 16, bugs: 32 } as const;

/** What the kernel's structures say of its modules, each asked by itself. */
export interface ModuleCensus {
  /** Every `struct module` that any of them leads to, with its `ModulePlace`s. */
  readonly places: ReadonlyMap<Gva, number>;
  /** The places that have every live module, and could be read as a whole. */
  readonly complete: number;
}

/** Takes the census: what one structure leaves out, another has. What is damaged is told by the look. */
export function takeModuleCensus(kernel: KernelReader): ModuleCensus {
  const places = new Map<Gva, number>();
  if (!kernel.hasSymbol("modules")) return { places, complete: 0 };
  let complete = 0;
  const note = (walk: Iterable<Gva>, place: number, name: string) => {
    const whole = isWhole(kernel, () => {
      for (const at of kernel.attemptWalk(walk, name)) {
        if (at !== 0n) places.set(at, (places.get(at) ?? 0) | place);
      }
    });
    if (whole) complete |= place;
  };
  note(walkModules(kernel), ModulePlace.list, "list of modules");
  note(walkModuleTree(kernel), ModulePlace.tree, "tree of modules");
  note(walkModuleKset(kernel), ModulePlace.kset, "kset of modules");
  note(walkUsers(kernel, [...places.keys()]), ModulePlace.users, "users of modules");
  note(walkModuleTypes(kernel), ModulePlace.types, "types of modules");
  note(walkModuleBugs(kernel), ModulePlace.bugs, "bug tables of modules");
  const always =
    ModulePlace.list |
    (kernel.hasSymbol("mod_tree") ? ModulePlace.tree : 0) |
    (kernel.hasSymbol("module_kset") ? ModulePlace.kset : 0);
  return { places, complete: complete & always };
}

/** Modules by where their memory is: `mod_tree` (kernel/module/tree_lookup.c), by which stacks are unwound. */
function* walkModuleTree(kernel: KernelReader): Generator<Gva> {
  if (!kernel.hasSymbol("mod_tree") || !kernel.hasStruct("mod_tree_root")) return;
  const root = kernel.struct("mod_tree_root");
  const tree = kernel.symbol("mod_tree");
  // Of its two copies the one that is not being changed.
  const sequence = root.number("root.seq.seqcount.sequence", "root.seq.sequence")(tree);
  const copy = sequence & 1;
  const node = kernel.struct("mod_tree_node");
  const module = node.pointer("mod");
  const walk = node.rbTree(root.address(`root.tree[${copy}]`)(tree), `node.node[${copy}]`);
  for (const at of walk) yield module(at);
}

/** Modules that have a directory in /sys/module; those that are built in have one too, and no module. */
function* walkModuleKset(kernel: KernelReader): Generator<Gva> {
  if (!kernel.hasSymbol("module_kset") || !kernel.hasStruct("module_kobject")) return;
  const kset = kernel.memory.pointer(kernel.symbol("module_kset"));
  if (kset === 0n) return;
  const owner = kernel.struct("module_kobject");
  const module = owner.pointer("mod");
  const head = kernel.struct("kset").address("list")(kset);
  for (const kobject of kernel.struct("kobject").list(head, "entry")) {
    yield module(owner.containerOf(kobject, "kobj"));
  }
}

/** Modules that need those at `modules`, or are needed by them: `module_use`. */
function* walkUsers(kernel: KernelReader, modules: readonly Gva[]): Generator<Gva> {
  if (!kernel.hasStruct("module_use")) return;
  const type = kernel.struct("module");
  const use = kernel.struct("module_use");
  const [source, target] = [use.pointer("source"), use.pointer("target")];
  const [users, needs] = [type.address("source_list"), type.address("target_list")];
  for (const at of modules) {
    for (const each of use.list(users(at), "source_list")) yield source(each);
    for (const each of use.list(needs(at), "target_list")) yield target(each);
  }
}

/** Modules whose BTF the kernel keeps: `btf_modules`. */
function* walkModuleTypes(kernel: KernelReader): Generator<Gva> {
  if (!kernel.hasSymbol("btf_modules") || !kernel.hasStruct("btf_module")) return;
  const entry = kernel.struct("btf_module");
  const module = entry.pointer("module");
  for (const at of entry.list(kernel.symbol("btf_modules"), "list")) yield module(at);
}

/** Modules on `module_bug_list` (lib/bug.c): all that are live. */
function* walkModuleBugs(kernel: KernelReader): Generator<Gva> {
  const type = kernel.struct("module");
  if (!kernel.hasSymbol("module_bug_list") || !type.has("bug_list")) return;
  yield* type.list(kernel.symbol("module_bug_list"), "bug_list");
}
