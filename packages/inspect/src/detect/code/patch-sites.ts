import type {
  Alternative,
  JumpEntry,
  ParavirtSite,
  StaticCallSite,
} from "@casemate/formats/kernel-code";

/** A constant in an instruction that the kernel fills in when it starts. */
export interface RuntimeConstant {
  /** Of the constant itself. */
  readonly at: number;
  readonly kind: "ptr" | "shift" | "mask";
  /** The variable that holds it. */
  readonly name: string;
}

/** All places of a kernel image or a module that it may change in its own code, by why. */
export interface PatchSites {
  readonly alternatives: readonly Alternative[];
  /** Calls and jumps of `__x86_indirect_thunk_*`. */
  readonly retpolines: Int32Array;
  /** Jumps to `__x86_return_thunk`. */
  readonly returns: Int32Array;
  /** Calls that are counted against underflows of the return stack buffer. */
  readonly calls: Int32Array;
  /** ENDBR instructions of functions that nothing calls through a pointer. */
  readonly endbrs: Int32Array;
  /** LOCK prefixes. */
  readonly locks: Int32Array;
  /** Those outside of a module's main part, which some kernels take out and others leave. */
  readonly otherLocks: Int32Array;
  readonly paravirt: readonly ParavirtSite[];
  readonly constants: readonly RuntimeConstant[];
  readonly jumps: readonly JumpEntry[];
  readonly staticCalls: readonly StaticCallSite[];
  /** Calls of `__fentry__`, where functions can be traced. */
  readonly tracees: Int32Array;
}

/** `runtime_ptr_dentry_hashtable`: the constants of a kind that are what one variable holds. */
export function parseRuntimeConstants(
  section: string,
  places: (name: string) => Int32Array,
): readonly RuntimeConstant[] {
  const [, kind, name] = /^runtime_(ptr|shift|mask)_(\w+)$/.exec(section) ?? [];
  if (name === undefined || (kind !== "ptr" && kind !== "shift" && kind !== "mask")) return [];
  return Array.from(places(section), (at) => ({ at, kind, name }));
}
