import { CasemateError, type Gva } from "@casemate/core";
import type { Access } from "../kernel/data-class.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** A run of a file: its bytes, or why they are missing. */
export type FilePiece =
  | { readonly kind: "present"; readonly offset: number; readonly bytes: Uint8Array }
  | {
      /** `absent` from the page cache, or `swapped` out (tmpfs). */
      readonly kind: "absent" | "swapped";
      readonly offset: number;
      readonly length: number;
    };

const PAGE = 4096;
/** `HUGETLBFS_MAGIC` (include/uapi/linux/magic.h). */
const HUGETLBFS_MAGIC = 0x9584_58f6;

/**
 * The file of the `inode` at an address from its first byte to its last, page by page, as far as the page
 * cache (`inode.i_mapping`) holds it: `filemap_get_pages` without a disk.
 *
 * Pages come as the xarray has them: single, as folios of many pages under one multi-index entry, or, up to
 * 5.16, with the first page of a huge page in each of its places. A page that is still being read is absent.
 */
export function* readPageCache(
  { kernel, files }: Access<"kernelMetadata" | "fileContents">,
  inode: Gva,
): Generator<FilePiece> {
  const type = kernel.struct("inode");
  if (type.number("i_sb->s_magic")(inode) === HUGETLBFS_MAGIC) {
    throw new CasemateError(
      "kernel/unsupported",
      "Cannot read the file: it is on hugetlbfs, expected pages of 4 KiB.",
    );
  }
  const size = type.number("i_size")(inode);
  const xarray = kernel.struct("address_space").address("i_pages")(
    type.pointer("i_mapping")(inode),
  );
  // What a value in the place of a page says: of tmpfs where it is in swap, of others that it was evicted.
  const isTmpfs = type.pointer("i_mapping->a_ops")(inode) === kernel.symbol("shmem_aops");
  const evicted = isTmpfs ? "swapped" : "absent";
  const page = kernel.struct("page");
  const flags = page.offset("flags");
  const uptodate = 1 << pageFlag(kernel, "PG_uptodate");

  let done = 0;
  let head = { entry: 0n, index: 0 };
  for (const { entry, index, count } of kernel.xarray(xarray)) {
    const offset = index * PAGE;
    if (offset >= size) break;
    if (offset > done) {
      yield { kind: "absent", offset: done, length: offset - done };
      done = offset;
    }
    const end = Math.min(size, offset + count * PAGE);
    if ((entry & 1n) === 1n) {
      yield { kind: evicted, offset, length: end - offset };
      done = end;
      continue;
    }
    if (entry !== head.entry) head = { entry, index };
    if ((kernel.memory.u32(entry, flags) & uptodate) === 0) {
      yield { kind: "absent", offset, length: end - offset };
      done = end;
      continue;
    }
    for (let at = index; done < end; at += 1) {
      kernel.budget.step();
      const bytes = files.page(page.element(entry, at - head.index));
      yield { kind: "present", offset: done, bytes: bytes.subarray(0, Math.min(PAGE, end - done)) };
      done += PAGE;
    }
    done = end;
  }
  if (done < size) yield { kind: "absent", offset: done, length: size - done };
}

/** The number of a bit of `page.flags`. */
function pageFlag(kernel: KernelReader, name: string): number {
  const bit = kernel.constant(name);
  if (bit !== undefined) return bit;
  throw new CasemateError(
    "kernel/unsupported",
    `Cannot read the page cache: the kernel's BTF has no ${name}, expected one.`,
  );
}
