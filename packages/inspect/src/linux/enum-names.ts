import type { KernelReader } from "../kernel/kernel-reader.ts";

/** An enum of the kernel by which tools name things. */
export interface NamedEnum {
  /** Its names, of which the first that this kernel has is read. */
  readonly names: readonly string[];
  /** What all of its enumerators start with and tools leave out. */
  readonly prefix: string;
}

/**
 * Tells the names of values as tools write them: `BPF_PROG_TYPE_XDP` is `xdp`. Of several names for one
 * value it is the newest, which comes last; a value without a name is its number.
 */
export function enumNames(
  kernel: KernelReader,
  { names, prefix }: NamedEnum,
): (value: number) => string {
  const known = new Map<number, string>();
  for (const [value, name] of kernel.enumerators(...names)) {
    const short = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    known.set(value, short.toLowerCase());
  }
  return (value) => known.get(value) ?? String(value);
}
