import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { moduleStructs } from "./module-struct.ts";

/** A setting that names a program which the kernel starts, or has started for others. */
export interface UsermodeHelper {
  readonly setting:
    | "core_pattern"
    | "modprobe_path"
    | "poweroff_cmd"
    | "uevent_helper"
    | "release_agent"
    | "binfmt_misc";
  /** HOSTILE: what the guest says. */
  readonly value: string;
  readonly structure: Gva;
  /** How it was reached. */
  readonly path: readonly string[];
}

/** `CORENAME_MAX_SIZE`, `KMOD_PATH_LEN`, `POWEROFF_CMD_PATH_LEN` and `UEVENT_HELPER_PATH_LEN` are 256 at most. */
const MAX_SETTING = 256;
/** PATH_MAX */
const MAX_PATH = 4096;

/** `Node` of fs/binfmt_misc.c, since 4.8; used where the module's types are not in memory. */
const NODE = { interpreter: 48, name: 56 };

/** What `call_usermodehelper` starts by settings, and interpreters of `binfmt_misc`. */
export function* walkUsermodeHelpers(kernel: KernelReader): Generator<UsermodeHelper> {
  for (const setting of [
    "core_pattern",
    "modprobe_path",
    "poweroff_cmd",
    "uevent_helper",
  ] as const) {
    if (!kernel.hasSymbol(setting)) continue;
    const structure = kernel.symbol(setting);
    const value = kernel.memory.string(structure, MAX_SETTING);
    yield { setting, value, structure, path: [setting] };
  }
  yield* walkReleaseAgents(kernel);
  yield* walkInterpreters(kernel);
}

/** What is started when a control group of the first version becomes empty. */
function* walkReleaseAgents(kernel: KernelReader): Generator<UsermodeHelper> {
  if (!kernel.hasSymbol("cgroup_roots") || !kernel.hasStruct("cgroup_root")) return;
  const root = kernel.struct("cgroup_root");
  if (!root.has("release_agent_path")) return;
  const agent = root.string("release_agent_path");
  for (const structure of root.list(kernel.symbol("cgroup_roots"), "root_list")) {
    const path = ["cgroup_roots", "cgroup_root", "release_agent_path"];
    yield { setting: "release_agent", value: agent(structure), structure, path };
  }
}

/** What runs files of other formats: each has a file in a file system, whose inode leads to its `Node`. */
function* walkInterpreters(kernel: KernelReader): Generator<UsermodeHelper> {
  const superBlock = kernel.struct("super_block");
  const typeName = superBlock.string("s_type->name");
  const inodes = superBlock.address("s_inodes");
  const inode = kernel.struct("inode");
  const entry = inode.pointer("i_private");
  const node = moduleStructs(kernel)("binfmt_misc", "Node");
  const interpreter = node?.offset("interpreter") ?? NODE.interpreter;
  const name = node?.offset("name") ?? NODE.name;
  for (const at of superBlock.list(kernel.symbol("super_blocks"), "s_list")) {
    if (typeName(at) !== "binfmt_misc") continue;
    for (const each of inode.list(inodes(at), "i_sb_list")) {
      const structure = entry(each);
      // The files that register formats have none.
      if (structure === 0n) continue;
      const [format, value] = [name, interpreter].map((offset) =>
        kernel.memory.string(kernel.memory.pointer(gva(structure), offset), MAX_PATH),
      );
      const path = ["super_blocks", "binfmt_misc", format ?? ""];
      yield { setting: "binfmt_misc", value: value ?? "", structure, path };
    }
  }
}
