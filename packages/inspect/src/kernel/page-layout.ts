import type { Gva } from "@casemate/core";
import type { PageLayout } from "../memory/page-owners.ts";
import type { KernelProfile } from "./kernel-profile.ts";

/** A piece of the array of them never ends within one: their size divides 2 MiB. */
const MAX_SIZE = 4096;

/**
 * Where this kernel's `struct page` says what a page holds; `base` is where the array of them is. `undefined`
 * where it says so in no way that is known here.
 */
export function pageLayout(profile: KernelProfile, base: Gva): PageLayout | undefined {
  if (!profile.hasType("page")) return undefined;
  const page = profile.layout("page");
  const { size } = page;
  const compound = ["compound_head", "compound_info"].find((name) => page.has(name));
  if (!page.has("mapping") || !page.has("flags") || compound === undefined) return undefined;
  // HOSTILE: the types are the guest's.
  if (size > MAX_SIZE || (size & (size - 1)) !== 0) return undefined;
  const slab = slabMark(profile);
  if (slab === undefined) return undefined;
  const offset = (name: string) => page.place(name).offset;
  return { base, size, mapping: offset("mapping"), compound: offset(compound), slab };
}

function slabMark(profile: KernelProfile): PageLayout["slab"] | undefined {
  const page = profile.layout("page");
  const type = profile.btf.constant("PGTY_slab");
  if (type !== undefined && page.has("page_type")) {
    return { kind: "type", pageType: page.place("page_type").offset, value: Number(type) };
  }
  const bit = profile.btf.constant("PG_slab");
  if (bit === undefined || bit < 0n || bit >= 32n) return undefined;
  return { kind: "flag", flags: page.place("flags").offset, bit: Number(bit) };
}
