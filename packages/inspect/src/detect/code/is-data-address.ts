import { toCodeAddress } from "@casemate/formats/kernel-code";

/** Whether an address is the kernel's, and not one of code. */
export function isDataAddress(address: bigint): boolean {
  return address >= 0xff00_0000_0000_0000n && toCodeAddress(address) === undefined;
}
