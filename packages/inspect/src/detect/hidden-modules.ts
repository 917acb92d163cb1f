import { formatAddress, type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { codeBeingReleased } from "../linux/code-being-released.ts";
import { isBpfImage } from "../linux/is-bpf-image.ts";
import { ModulePlace, takeModuleCensus } from "../linux/module-census.ts";
import { symbolizer } from "../linux/symbolize.ts";
import { type CodeMemory, walkCodeMemory, walkKnownCode } from "../linux/walk-code-memory.ts";
import { moduleRegions } from "../linux/walk-modules.ts";
import { RangeSet } from "../range-set.ts";
import { isWhole } from "../walk/is-whole.ts";
import { defineDetector } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";

const PLACE_NAMES: readonly (readonly [place: number, name: string])[] = [
  [ModulePlace.list, "the list of modules"],
  [ModulePlace.tree, "the tree of modules by address"],
  [ModulePlace.kset, "/sys/module"],
  [ModulePlace.users, "what other modules need or are needed by"],
  [ModulePlace.types, "the list of modules' types"],
  [ModulePlace.bugs, "the list of modules' bug tables"],
];

/** `enum module_state` (include/linux/module.h). */
const LIVE = 0;
const UNFORMED = 3;
/** A `struct module` is aligned to a cache line. */
const ALIGNMENT = 64;
/** How much memory without an owner is searched for the `struct module` that would name it, in bytes. */
const MAX_SEARCH = 4 * 1024 * 1024;

const REMEDIATION =
  "Take a snapshot with memory for evidence and isolate the VM: code in the kernel can undo whatever is done inside. Restore a state from before it was loaded.";

/** Modules that one structure of the kernel has and another has not, and code that belongs to no module. */
export const hiddenModules = defineDetector({
  id: "hidden-modules",
  title: "Hidden kernel modules",
  techniques: ["T1014", "T1547.006"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "Code outside of the part of addresses where modules are loaded: page-tables finds it where it can be run.",
    "Code that was written over a module that is loaded: the detectors of text see it.",
  ],
  check({ kernel }, inspection) {
    const { places, complete } = takeModuleCensus(kernel);
    const checkModule = moduleChecker(kernel, complete);
    for (const [at, seen] of places) {
      inspection.looked();
      const found = kernel.attempt(() => checkModule(at, seen), "struct module", at);
      if (found !== undefined) inspection.report(found);
    }
    if (!kernel.hasSymbol("modules")) return;
    let known = new RangeSet([]);
    const isKnown = isWhole(kernel, () => {
      const walk = kernel.attemptWalk(walkKnownCode(kernel, places.keys()), "code of modules");
      known = new RangeSet(walk);
    });
    // Of what could not be read there is memory too, which would seem to be nobody's.
    if (!isKnown) return;
    const ownerless: CodeMemory[] = [];
    for (const memory of kernel.attemptWalk(walkCodeMemory(kernel), "memory of modules")) {
      inspection.looked();
      if (known.meets(memory) || isBpfImage(kernel, memory)) continue;
      ownerless.push(memory);
    }
    if (ownerless.length === 0) return;
    const live = findLive(kernel, ownerless);
    const releasing = codeBeingReleased(kernel);
    for (const memory of ownerless) {
      const name = live.get(memory.start);
      if (releasing !== undefined && name === undefined) {
        inspection.missed(
          `memory at ${formatAddress(memory.start)}`,
          `A task is in ${releasing}, which gives memory back that has no owner any more.`,
        );
      } else inspection.report(suspectMemory(kernel, memory, name));
    }
  },
});

/** Says what is wrong with a module that is in `places`, if anything is. */
function moduleChecker(
  kernel: KernelReader,
  expected: number,
): (at: Gva, places: number) => Suspicion | undefined {
  if (!kernel.hasSymbol("modules")) return () => undefined;
  const module = kernel.struct("module");
  const name = module.string("name");
  const state = module.number("state");
  const regionsOf = moduleRegions(kernel);
  const symbols = module.has("kallsyms->num_symtab")
    ? { table: module.pointer("kallsyms"), count: module.number("kallsyms->num_symtab") }
    : undefined;
  return (at, places) => {
    const now = state(at);
    // While it is loaded or unloaded it comes to its places and leaves them one by one.
    if (now !== LIVE && !(now === UNFORMED && (places & ModulePlace.kset) !== 0)) return undefined;
    const missing = expected & ~places;
    const wrong: string[] = [];
    if (missing !== 0) wrong.push(`it is not in ${listed(missing)}`);
    if (now === UNFORMED) {
      wrong.push("it says that it is not loaded yet, so that /proc/modules leaves it out");
    }
    if (symbols !== undefined && (symbols.table(at) === 0n || symbols.count(at) === 0)) {
      wrong.push("its symbols are gone, so that /proc/kallsyms leaves it out");
    }
    if (wrong.length === 0) return undefined;
    const code = regionsOf(at)[0];
    return {
      key: `module ${name(at)} at ${formatAddress(at)}`,
      title: `Module ${name(at)} is hidden: ${wrong.join("; ")}`,
      severity: "critical",
      because:
        "A live module is in all of these places for as long as it is loaded; only its own code takes it out.",
      techniques: ["T1014", "T1547.006"],
      evidence: [
        {
          what: "struct module",
          address: formatAddress(at),
          expected: `in ${listed(expected)}, live, with symbols`,
          seen: `in ${listed(places)}; ${wrong.join("; ")}`,
          path: [...pathTo(places), `module ${formatAddress(at)}`],
        },
        ...(code === undefined
          ? []
          : [{ what: "its code", address: formatAddress(code.base), seen: `${code.size} bytes` }]),
      ],
      remediation: REMEDIATION,
    };
  };
}

function listed(places: number): string {
  return PLACE_NAMES.flatMap(([bit, name]) => ((places & bit) !== 0 ? name : [])).join(", ");
}

function pathTo(places: number): readonly string[] {
  if ((places & ModulePlace.list) !== 0) return ["modules"];
  if ((places & ModulePlace.tree) !== 0) return ["mod_tree", "mod_tree_node"];
  if ((places & ModulePlace.kset) !== 0) return ["module_kset", "module_kobject"];
  if ((places & ModulePlace.types) !== 0) return ["btf_modules", "btf_module"];
  if ((places & ModulePlace.bugs) !== 0) return ["module_bug_list"];
  return ["module", "source_list", "module_use"];
}

/** Memory for code that belongs to nothing known; `name` is that of a live module whose it says it is. */
function suspectMemory(
  kernel: KernelReader,
  { start, end, vm }: CodeMemory,
  name: string | undefined,
): Suspicion {
  const caller = kernel.struct("vm_struct").pointer("caller");
  const by = vm === 0n ? undefined : symbolizer(kernel)(caller(vm));
  const what = name === undefined ? "" : `; a module that calls itself ${name} says it is its own`;
  const seen = `${end - start} bytes that belong to no module, BPF program, tracer or probe${what}`;
  return {
    key: `code memory ${formatAddress(start)} of ${formatAddress(vm)}`,
    title: `Memory for modules at ${formatAddress(start)} belongs to nothing: ${seen}`,
    severity: "critical",
    because:
      "A module that takes itself off every list still needs the memory that its code is in.",
    techniques: ["T1014", "T1547.006"],
    evidence: [
      {
        what: by === undefined ? "memory" : `memory that ${by.name} asked for`,
        address: formatAddress(start),
        expected: "part of something that is loaded",
        seen,
        path: ["vmap_area", `vm_struct ${formatAddress(vm)}`],
      },
    ],
    remediation: REMEDIATION,
  };
}

/** Names of live modules whose `struct module` lies in `ownerless` memory, by where their parts start. HOSTILE. */
function findLive(
  kernel: KernelReader,
  ownerless: readonly CodeMemory[],
): ReadonlyMap<Gva, string> {
  const names = new Map<Gva, string>();
  const module = kernel.struct("module");
  const regionsOf = moduleRegions(kernel);
  const nameOf = module.string("name");
  const state = module.number("state");
  const starts = new Set(ownerless.map(({ start }) => start));
  const first = module.pointer(module.has("mem") ? "mem[0].base" : "core_layout.base");
  let searched = 0;
  for (const { start, end } of ownerless) {
    const last = end - BigInt(module.size);
    for (let at = start; at <= last && searched < MAX_SEARCH; at = gva(at + BigInt(ALIGNMENT))) {
      searched += ALIGNMENT;
      kernel.budget.step();
      const base = kernel.attempt(() => first(at), "memory without an owner", at);
      if (base === undefined) break;
      if (!starts.has(base) || state(at) !== LIVE) continue;
      for (const region of regionsOf(at)) names.set(region.base, nameOf(at));
    }
  }
  return names;
}
