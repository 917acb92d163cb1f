import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { moduleBuildId } from "../linux/module-build-id.ts";
import { taintFlags } from "../linux/taint-flags.ts";
import { moduleRegions, walkModules } from "../linux/walk-modules.ts";
import { defineView } from "./define-view.ts";

/** As /proc/modules writes it, which shows no `Unformed` ones: their loading has only begun. */
export type ModuleState = "Live" | "Loading" | "Unloading" | "Unformed";

export interface ModuleRow {
  /** HOSTILE, as all text of a module. */
  readonly name: string;
  /** Of all its parts, in bytes. */
  readonly size: number;
  /** Where its code is. */
  readonly base: string;
  readonly references: number;
  /** Modules that need it. */
  readonly usedBy: readonly string[];
  readonly state: ModuleState;
  /** Letters of why it taints the kernel: `OE` of one from elsewhere without a signature. */
  readonly taints: string;
  /** Whether it can never be unloaded: it has a beginning but no end. */
  readonly permanent: boolean;
  readonly version: string | null;
  readonly sourceVersion: string | null;
  /** Hexadecimal; null where it carries none. */
  readonly buildId: string | null;
  /** Address of its `struct module`. */
  readonly module: string;
}

/** `enum module_state` (include/linux/module.h). */
const STATES = [
  "Live",
  "Loading",
  "Unloading",
  "Unformed",
] as const satisfies readonly ModuleState[];

/** `MODULE_REF_BASE` (kernel/module/main.c): the module's own reference. */
const MODULE_REF_BASE = 1;

/** Loaded modules, the newest first: what `lsmod` and /proc/modules show. */
export const modules = defineView({
  id: "modules",
  kind: "ModuleList",
  title: "Kernel modules",
  needs: ["kernelMetadata"],
  read({ kernel }): readonly ModuleRow[] {
    if (!kernel.hasSymbol("modules")) return [];
    const module = kernel.struct("module");
    const name = module.string("name");
    const state = module.number("state");
    const references = module.number("refcnt");
    const taints = module.number("taints");
    const version = text(module.string("version"));
    const sourceVersion = text(module.string("srcversion"));
    const init = module.pointer("init");
    const exit = module.pointer("exit");
    const regionsOf = moduleRegions(kernel);
    const usedBy = users(kernel);
    const buildId = moduleBuildId(kernel);

    const rows: ModuleRow[] = [];
    kernel.each("module", walkModules(kernel), (at) => {
      const regions = regionsOf(at);
      rows.push({
        name: name(at),
        size: regions.reduce((sum, { size }) => sum + size, 0),
        base: `0x${(regions[0]?.base ?? 0n).toString(16)}`,
        references: references(at) - MODULE_REF_BASE,
        usedBy: usedBy(at),
        state: STATES[state(at)] ?? "Unformed",
        taints: taintFlags(taints(at)),
        permanent: init(at) !== 0n && exit(at) === 0n,
        version: version(at),
        sourceVersion: sourceVersion(at),
        buildId: buildId(at),
        module: `0x${at.toString(16)}`,
      });
    });
    return rows;
  },
  columns: [
    { key: "name", title: "NAME" },
    { key: "size", title: "SIZE", align: "right" },
    { key: "base", title: "BASE" },
    { key: "references", title: "REFS", align: "right" },
    { key: "state", title: "STATE" },
    { key: "taints", title: "TAINTS" },
    { key: "buildId", title: "BUILD-ID", text: ({ buildId }) => buildId?.slice(0, 16) ?? "-" },
    { key: "usedBy", title: "USED BY", text: usedByText },
  ],
});

function text(read: Accessor<string>): Accessor<string | null> {
  return (at) => read(at) || null;
}

/** Names of the modules on `source_list`, in its order: `print_unload_info`. */
function users(kernel: KernelReader): Accessor<readonly string[]> {
  const module = kernel.struct("module");
  const list = module.address("source_list");
  const use = kernel.struct("module_use");
  const user = use.pointer("source");
  const name = module.string("name");
  return (at: Gva) => Array.from(use.list(list(at), "source_list"), (each) => name(user(each)));
}

function usedByText({ usedBy, permanent }: ModuleRow): string {
  return [...usedBy, ...(permanent ? ["[permanent]"] : [])].join(",");
}
