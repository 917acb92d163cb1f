import { formatAddress, formatBytes, type Gva, gva } from "@casemate/core";
import { addressNames } from "../linux/address-names.ts";
import { type Mapping, type Rights, walkKernelMappings } from "../linux/walk-kernel-mappings.ts";
import { defineDetector } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";

/** Where programs call what used to be system calls (`VSYSCALL_ADDR`); the one page of the kernel's that they may. */
const VSYSCALL_ADDR = 0xffff_ffff_ff60_0000n;
const PAGE = 4096;

/** Kernel memory that may be written and executed, and kernel memory that programs may use. */
export const pageTables = defineDetector({
  id: "page-tables",
  title: "Kernel page tables",
  techniques: ["T1014", "T1068"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "Memory that was written first and made executable afterwards, as all code is.",
    "The lower half of address spaces, which is the programs' own, and page tables of a processor that does not use the kernel's.",
  ],
  check({ kernel }, inspection) {
    const names = addressNames(kernel);
    const mappings = walkKernelMappings(kernel, isOdd, (pages) => inspection.looked(pages));
    for (const mapping of joinRuns(mappings)) {
      const isVsyscall =
        mapping.start === VSYSCALL_ADDR && mapping.size === PAGE && !mapping.isWritable;
      if (isVsyscall) continue;
      inspection.report(suspect(mapping, names(mapping.start)));
    }
  },
});

function isOdd({ isWritable, isExecutable, isUser }: Rights): boolean {
  return isUser || (isWritable && isExecutable);
}

function suspect(mapping: Mapping, name: string): Suspicion {
  const { start, size, isWritable, isExecutable, isUser } = mapping;
  const rights = `${isUser ? "programs and the kernel" : "the kernel"} may read${isWritable ? ", write" : ""}${isExecutable ? ", execute" : ""}`;
  const place = `${formatAddress(start)} to ${formatAddress(gva(start + BigInt(size)))}`;
  return {
    key: `${place}${isWritable ? " w" : ""}${isExecutable ? " x" : ""}${isUser ? " u" : ""}`,
    title: isUser
      ? `Programs may use ${formatBytes(size)} of the kernel's memory at ${name}`
      : `The kernel may write and execute ${formatBytes(size)} at ${name}`,
    severity: isUser ? "critical" : "high",
    because: isUser
      ? "Whatever runs in the guest reads or changes the kernel there, without asking it."
      : "The kernel takes away one right before it gives the other; what has both was made by what writes code.",
    techniques: isUser ? ["T1068"] : ["T1014"],
    evidence: [
      {
        what: "kernel memory",
        address: formatAddress(start),
        expected: "not for programs, and not both writable and executable",
        seen: rights,
        path: ["init_top_pgt", place],
      },
    ],
    remediation:
      "Take a snapshot with memory for evidence and look at what is there; restore a state from before it.",
  };
}

/** Neighbours with equal rights as one. */
function* joinRuns(mappings: Iterable<Mapping>): Generator<Mapping> {
  let run: Mapping | undefined;
  for (const mapping of mappings) {
    if (run !== undefined && endOf(run) === mapping.start && haveEqualRights(run, mapping)) {
      run = { ...run, size: run.size + mapping.size };
      continue;
    }
    if (run !== undefined) yield run;
    run = mapping;
  }
  if (run !== undefined) yield run;
}

function endOf({ start, size }: Mapping): Gva {
  return gva(start + BigInt(size));
}

function haveEqualRights(one: Mapping, other: Mapping): boolean {
  return (
    one.isWritable === other.isWritable &&
    one.isExecutable === other.isExecutable &&
    one.isUser === other.isUser
  );
}
