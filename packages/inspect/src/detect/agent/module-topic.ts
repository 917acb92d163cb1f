import { formatAddress } from "@casemate/core";
import type { KernelReader } from "../../kernel/kernel-reader.ts";
import { ModulePlace, takeModuleCensus } from "../../linux/module-census.ts";
import { moduleRegions } from "../../linux/walk-modules.ts";
import { isWhole } from "../../walk/is-whole.ts";
import { MAX_ANSWER_BYTES } from "./agent-question.ts";
import { unfit } from "./answer-value.ts";
import { parseFileLines } from "./file-lines.ts";
import type { Source, Subject, Topic, Traits } from "./topic.ts";

/** `enum module_state` (include/linux/module.h). */
const LIVE = 0;
/** `MODULE_NAME_LEN` (include/linux/module.h). */
const MAX_NAME = 64;
/** Places of what is loaded; others lead to what is being made, too. */
const SHOWN = ModulePlace.list | ModulePlace.tree | ModulePlace.kset;

const keyOf = (name: string) => `module ${name}`;

/** Kernel modules: /proc/modules. */
export const moduleTopic: Topic = {
  title: "modules",
  recall({ kernel }) {
    const subjects = new Map<string, Subject>();
    if (!kernel.hasSymbol("modules")) return { subjects, isWhole: true };
    const type = kernel.struct("module");
    const [name, state] = [type.string("name"), type.number("state")];
    const regions = moduleRegions(kernel);
    const whole = isWhole(kernel, () => {
      for (const [at, place] of takeModuleCensus(kernel).places) {
        if ((place & SHOWN) === 0) continue;
        kernel.attempt(
          () => {
            const key = keyOf(name(at));
            const base = regions(at)[0]?.base;
            subjects.set(key, {
              name: `Module ${name(at)}`,
              identity: `${key} at ${formatAddress(at)}`,
              traits: base === undefined ? {} : { address: formatAddress(base) },
              isShown: state(at) === LIVE,
              place: {
                address: formatAddress(at),
                path: [
                  (place & ModulePlace.list) === 0 ? "mod_tree" : "modules",
                  `module ${name(at)}`,
                ],
              },
            });
          },
          "struct module",
          at,
        );
      }
    });
    return { subjects, isWhole: whole, generation: readGeneration(kernel) };
  },
  sources: () => [procModules],
};

/** The count of changes to `mod_tree`: each module that comes or goes changes it. */
function readGeneration(kernel: KernelReader): string {
  if (!kernel.hasSymbol("mod_tree") || !kernel.hasStruct("mod_tree_root")) return "";
  const sequence = kernel
    .struct("mod_tree_root")
    .number("root.seq.seqcount.sequence", "root.seq.sequence");
  return String(sequence(kernel.symbol("mod_tree")));
}

/** proc_modules(5): name, size, references, users, state, address, taints. */
const procModules: Source = {
  via: "/proc/modules",
  question: { ask: "file", path: "/proc/modules", bytes: MAX_ANSWER_BYTES },
  parse(answer) {
    const { lines, isWhole: isAll } = parseFileLines(answer);
    const named = new Map<string, Traits>();
    for (const line of isAll ? lines : lines.slice(0, -1)) {
      const [name = "", , , , state, address = ""] = line.split(" ");
      // HOSTILE: names are shown.
      if (name.length > MAX_NAME) throw unfit("no module's name");
      if (state === undefined || !/^0x[0-9a-f]{1,16}$/.test(address)) throw unfit("no modules");
      // Who may not know addresses is told that they are 0.
      const at = BigInt(address);
      named.set(keyOf(name), at === 0n ? {} : { address: `0x${at.toString(16)}` });
    }
    return { named, denies: (key) => isAll && !named.has(key) };
  },
};
