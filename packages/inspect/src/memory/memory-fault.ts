import { CasemateError, formatAddress, type Gpa, type Gva } from "@casemate/core";

/** A read that memory cannot answer: the address is not mapped, not canonical or not RAM. */
export class MemoryFault extends CasemateError {
  readonly address: Gva | Gpa;

  constructor(address: Gva | Gpa, seen: string, needed: string) {
    super(
      "kernel/damaged",
      `Cannot read memory at ${formatAddress(address)}: ${seen}, expected ${needed}.`,
    );
    this.address = address;
  }
}
