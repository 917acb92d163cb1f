import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** An address space whose page tables exist. */
export interface AddressSpace {
  /** Address of its `mm_struct`. */
  readonly mm: Gva;
  /** How it was found: `pgd_list`, or `cpu_tlbstate` of a processor that uses it now. */
  readonly foundBy: string;
}

/**
 * Address spaces by their page tables: every top table is on `pgd_list` and says whose it is
 * (arch/x86/mm/pgtable.c), and every processor says which it uses. The kernel's own are among them.
 */
export function* walkAddressSpaces(kernel: KernelReader): Generator<AddressSpace> {
  const descriptor = ["ptdesc", "page"].find(
    (name) => kernel.hasStruct(name) && kernel.struct(name).has("pt_mm"),
  );
  if (descriptor !== undefined && kernel.hasSymbol("pgd_list")) {
    const type = kernel.struct(descriptor);
    const mm = type.pointer("pt_mm");
    const member = type.has("pt_list") ? "pt_list" : "lru";
    for (const at of type.list(kernel.symbol("pgd_list"), member)) {
      yield { mm: mm(at), foundBy: "pgd_list" };
    }
  }
  if (!kernel.hasSymbol("cpu_tlbstate") || !kernel.hasStruct("tlb_state")) return;
  const loaded = kernel.struct("tlb_state").pointer("loaded_mm");
  const state = kernel.symbol("cpu_tlbstate");
  for (const cpu of kernel.onlineCpus()) {
    const mm = loaded(kernel.perCpu(state, cpu));
    // While a processor changes from one to another: LOADED_MM_SWITCHING is 1.
    if (mm > 1n) yield { mm: gva(mm), foundBy: `cpu_tlbstate of processor ${cpu}` };
  }
}
