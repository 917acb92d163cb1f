import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { formatSymbol, symbolizer } from "./symbolize.ts";

/**
 * Tells what is at a kernel address, for people: `do_sys_openat2+0x10`, `nft_do_chain [nf_tables]`, or the
 * number where nothing is known to be. HOSTILE: modules and BPF programs name their symbols.
 */
export function addressNames(kernel: KernelReader): (address: Gva) => string {
  const symbolize = symbolizer(kernel);
  return (address) => {
    const symbol = symbolize(address);
    return symbol === undefined ? formatAddress(address) : formatSymbol(symbol);
  };
}
