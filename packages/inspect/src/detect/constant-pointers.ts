import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { addressNames } from "../linux/address-names.ts";
import { isExecutable } from "../linux/is-executable.ts";
import { type CodeOwner, knownCode } from "../linux/known-code.ts";
import { readModuleSymbols } from "../linux/module-symbols.ts";
import { moduleUsers } from "../linux/module-users.ts";
import { type ConstantPointer, walkConstantPointers } from "../linux/walk-constant-pointers.ts";
import { printable } from "../printable.ts";
import { defineDetector } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";

const PAGE = 4096n;

/** Read-only data that leads to code which it cannot lead to: tables of functions that were written over. */
export const constantPointers = defineDetector({
  id: "constant-pointers",
  title: "Read-only tables of functions",
  techniques: ["T1014", "T1601"],
  needs: ["kernelMetadata"],
  // It reads all read-only data of the kernel: 5 to 10 MiB.
  cost: "high",
  blindTo: [
    "A function that was exchanged for another of the kernel image, or for one of the same module or of one it works with.",
    "In modules, data that has no symbol.",
  ],
  check({ kernel }, inspection) {
    const owner = knownCode(kernel);
    const areRelated = moduleUsers(kernel);
    const isVariable = variables(kernel);
    const names = addressNames(kernel);
    const isInitialized = onceWritable(kernel);
    const mayExecute = executablePages(kernel);
    for (const pointer of walkConstantPointers(kernel)) {
      const { at, target, module } = pointer;
      const found = owner(target);
      // Only what can be executed counts: all else is numbers, and data.
      if (found === undefined && !mayExecute(target)) continue;
      if (module === undefined) {
        // What the kernel sets while it starts tells where modules begin.
        if (found === undefined && target % PAGE === 0n && isInitialized(at)) continue;
      } else {
        if (found !== undefined && mayHold(module, found, areRelated)) continue;
        // Lists of a module's functions keep those that are gone since it has started.
        if (!isVariable(module, at)) continue;
      }
      inspection.report(suspect(pointer, found, names));
    }
    inspection.looked();
  },
});

function mayHold(
  module: Gva,
  owner: CodeOwner,
  areRelated: (one: Gva, other: Gva) => boolean,
): boolean {
  return owner.kind === "module" && (owner.module === module || areRelated(owner.module, module));
}

/** Whether an address is in a page that can be executed; each page is looked up once: many pointers lead to one. */
function executablePages(kernel: KernelReader): (address: Gva) => boolean {
  const known = new Map<bigint, boolean>();
  return (address) => {
    const page = address / PAGE;
    const before = known.get(page);
    if (before !== undefined) return before;
    const found = isExecutable(kernel, address);
    known.set(page, found);
    return found;
  };
}

/** Whether an address of the kernel image is in what was writable until the kernel had started (`__ro_after_init`). */
function onceWritable(kernel: KernelReader): (at: Gva) => boolean {
  const [start, end] = ["__start_ro_after_init", "__end_ro_after_init"].map((name) =>
    kernel.hasSymbol(name) ? kernel.symbol(name) : 0n,
  );
  return (at) => at >= (start ?? 0n) && at < (end ?? 0n);
}

/** Whether an address in a module is in something that it has a name for. */
function variables(kernel: KernelReader): (module: Gva, at: Gva) => boolean {
  const symbols = new Map<Gva, ReturnType<typeof readModuleSymbols>>();
  return (module, at) => {
    const known = symbols.get(module) ?? readModuleSymbols(kernel, module);
    symbols.set(module, known);
    const symbol = known.at(at);
    return symbol !== undefined && at < symbol.address + BigInt(symbol.size);
  };
}

function suspect(
  { at, target }: ConstantPointer,
  owner: CodeOwner | undefined,
  names: (address: Gva) => string,
): Suspicion {
  const place = names(at);
  return {
    key: `constant ${formatAddress(at)} -> ${formatAddress(target)}`,
    title: `${printable(place)} leads to ${owner === undefined ? "code of nothing that the kernel knows" : "another's code"}: ${printable(names(target))}`,
    severity: "critical",
    because:
      "The compiler put another address there, and nothing writes there but what redirects the kernel.",
    techniques: ["T1014", "T1601"],
    evidence: [
      {
        what: place,
        address: formatAddress(at),
        expected: "a function of its own",
        seen: `${formatAddress(target)} ${names(target)}`,
        path: [place],
      },
    ],
    remediation:
      "Take a snapshot with memory for evidence and isolate the VM; what its programs say of files, processes and connections cannot be relied on. Restore a state from before it.",
  };
}
