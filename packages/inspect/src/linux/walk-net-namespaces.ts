import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** Every network namespace (`struct net`), the initial one first: `for_each_net`. */
export function walkNetNamespaces(kernel: KernelReader): Generator<Gva> {
  return kernel.struct("net").list(kernel.symbol("net_namespace_list"), "list");
}
