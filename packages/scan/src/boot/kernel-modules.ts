import type { Visitor } from "../visitor.ts";

/** A kernel module that is there to be loaded. HOSTILE: the guest named it. */
export interface KernelModule {
  /** The kernel's release that it is for. */
  readonly release: string;
  /** As `lsmod` has it: with `_` for `-`. */
  readonly name: string;
  readonly path: string;
  /** In bytes, as it is on the disk. */
  readonly size: number;
}

const MODULE = /^(?:\/usr)?\/lib\/modules\/([^/]+)\/.*?([^/]+)\.ko(?:\.(?:gz|xz|zst))?$/;

/** Kernel modules present. */
export const kernelModules: Visitor<KernelModule> = {
  id: "kernelModules/files",
  wants(path, { type }) {
    return type === "file" && path.includes("/lib/modules/") && MODULE.test(path)
      ? "stat"
      : "nothing";
  },
  *visit({ path, stat }) {
    const [, release = "", name = ""] = MODULE.exec(path) ?? [];
    yield { release, name: name.replaceAll("-", "_"), path, size: stat.size };
  },
};
