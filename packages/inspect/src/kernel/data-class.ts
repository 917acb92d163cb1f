import type { FileContentsReader } from "./file-contents-reader.ts";
import type { KernelReader } from "./kernel-reader.ts";
import type { KernelTextReader } from "./kernel-text-reader.ts";
import type { UserMemoryReader } from "./user-memory-reader.ts";

/** The reader that stands for each class of a guest's data. */
interface Readers {
  /** The kernel's own structures: processes, modules, sockets, mounts. */
  kernelMetadata: { readonly kernel: KernelReader };
  /** The kernel's instructions. */
  kernelText: { readonly text: KernelTextReader };
  /** What processes hold in memory: arguments, environment, heaps. */
  userMemory: { readonly user: UserMemoryReader };
  /** What the page cache holds of files. */
  fileContents: { readonly files: FileContentsReader };
}

/** A class of data that a look into a guest needs leave for. */
export type DataClass = keyof Readers;

export const DATA_CLASSES = [
  "kernelMetadata",
  "kernelText",
  "userMemory",
  "fileContents",
] as const satisfies readonly DataClass[];

type Together<T> = (T extends unknown ? (each: T) => void : never) extends (all: infer All) => void
  ? All
  : never;

/**
 * The readers for `Classes` and no others: `Access<"kernelMetadata">` is `{ kernel }`, and
 * `Access<"kernelMetadata" | "userMemory">` is `{ kernel, user }`.
 */
export type Access<Classes extends DataClass> = Together<Readers[Classes]>;
