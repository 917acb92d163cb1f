import { formatAddress, type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { addressNames } from "../linux/address-names.ts";
import { type FunctionMember, functionMembers } from "../linux/function-members.ts";
import { type CodeOwner, knownCode } from "../linux/known-code.ts";
import { moduleUsers } from "../linux/module-users.ts";
import { type StaticOwner, staticMemory } from "../linux/static-memory.ts";
import type { FunctionTable } from "../linux/walk-function-tables.ts";
import { printable } from "../printable.ts";
import type { Inspection } from "./detector.ts";
import { functionStarts } from "./function-starts.ts";
import type { Suspicion } from "./suspicion.ts";

const REMEDIATION =
  "Take a snapshot with memory for evidence and isolate the VM; what its programs say of files, processes and connections cannot be relied on. Restore a state from before it.";

/**
 * Checks tables of functions: that they are where those of their maker can be, and that their functions are
 * of who made the table, or of the kernel. Each table's functions are looked at once.
 */
export function checkFunctionTables(
  kernel: KernelReader,
  tables: Iterable<FunctionTable>,
  inspection: Inspection,
): void {
  const context = contextOf(kernel, inspection.kept);
  const seen = new Map<string, Set<Gva>>();
  for (const table of tables) {
    const { struct, at } = table;
    if (at === 0n) continue;
    const misplaced = placeFault(context, table, context.memoryOwner(at));
    if (misplaced !== undefined) inspection.report(suspect(context, table, undefined, misplaced));
    let same = seen.get(struct);
    if (same === undefined) {
      same = new Set();
      seen.set(struct, same);
    }
    if (same.has(at)) continue;
    same.add(at);
    inspection.budget.step();
    inspection.looked();
    const faults = kernel.attemptWalk(checkTable(context, table), struct, at);
    for (const fault of faults) inspection.report(fault);
  }
}

interface Context {
  readonly kernel: KernelReader;
  readonly codeOwner: (address: Gva) => CodeOwner | undefined;
  readonly memoryOwner: (address: Gva) => StaticOwner;
  readonly areRelated: (one: Gva, other: Gva) => boolean;
  readonly isStart: (address: Gva) => boolean;
  readonly names: (address: Gva) => string;
  readonly membersOf: (struct: string) => readonly FunctionMember[];
}

function contextOf(kernel: KernelReader, kept: Map<string, unknown>): Context {
  const ofThisLook = new Map<string, readonly FunctionMember[]>();
  return {
    kernel,
    codeOwner: knownCode(kernel),
    memoryOwner: staticMemory(kernel),
    areRelated: moduleUsers(kernel),
    isStart: functionStarts(kernel, kept),
    names: addressNames(kernel),
    membersOf(struct) {
      const known = ofThisLook.get(struct) ?? keptMembers(kernel, kept, struct);
      ofThisLook.set(struct, known);
      return known;
    },
  };
}

/** The types of a kernel never change, so what was found is remembered. */
function keptMembers(
  kernel: KernelReader,
  kept: Map<string, unknown>,
  struct: string,
): readonly FunctionMember[] {
  const key = `members of ${struct} ${kernel.facts.textBase}`;
  const known = kept.get(key);
  if (known !== undefined) return known as readonly FunctionMember[]; // made below
  const members = functionMembers(kernel, struct);
  kept.set(key, members);
  return members;
}

function* checkTable(context: Context, table: FunctionTable): Generator<Suspicion> {
  const { kernel, memoryOwner, membersOf } = context;
  const holder = memoryOwner(table.at);
  const { struct, at, members } = table;
  const named = members?.map((name) => ({ name, offset: kernel.struct(struct).offset(name) }));
  for (const member of named ?? membersOf(struct)) {
    const target = kernel.memory.pointer(at, member.offset);
    // Numbers stand for choices here and there (`SEQ_START_TOKEN`).
    if (target <= 1n) continue;
    const fault = functionFault(context, target, holder);
    if (fault !== undefined) yield suspect(context, table, { ...member, target }, fault);
  }
}

interface Fault {
  readonly title: string;
  readonly because: string;
  readonly expected: string;
}

/** What is wrong with where a table is. */
function placeFault(
  { areRelated }: Context,
  { maker }: FunctionTable,
  holder: StaticOwner,
): Fault | undefined {
  if (holder === "nobody") {
    return {
      title: "are in memory that no module owns",
      because: "A table among the modules that none of them owns is of a module that hides.",
      expected: "a table of the kernel, of a listed module, or in allocated memory",
    };
  }
  if (maker === undefined || holder === undefined || holder === "kernel" || holder === maker) {
    return undefined;
  }
  if (maker !== "kernel" && areRelated(maker, holder)) return undefined;
  return {
    title: "are those of a module that has nothing to do with it",
    because:
      "A module put a table of its own in the place of another's, and sees what passes there.",
    expected: maker === "kernel" ? "a table of the kernel" : "a table of the module it belongs to",
  };
}

/** What is wrong with a function in a table that is in `holder`'s memory. */
function functionFault(context: Context, target: Gva, holder: StaticOwner): Fault | undefined {
  const { codeOwner, isStart, areRelated } = context;
  const owner = codeOwner(target);
  if (owner === undefined) return NOBODY;
  if (owner.kind === "kernel") {
    return isStart(target)
      ? undefined
      : {
          title: "leads into the middle of a function",
          because:
            "Nothing that was compiled calls there: it is a jump into what somebody put there.",
          expected: "the start of a function",
        };
  }
  if (holder === "kernel") return FOREIGN;
  if (holder === undefined || holder === "nobody" || owner.kind !== "module") return undefined;
  return owner.module === holder || areRelated(owner.module, holder) ? undefined : FOREIGN;
}

const NOBODY: Fault = {
  title: "leads to code of nothing that the kernel knows",
  because: "Code that no module owns is a module that hides, or was written into the kernel.",
  expected: "a function of the kernel, or of the module that made the table",
};

const FOREIGN: Fault = {
  title: "leads to another's code",
  because:
    "The compiler put the address of another function there: whoever changed it sees and changes what passes.",
  expected: "a function of the kernel, or of the module that made the table",
};

function suspect(
  { names }: Context,
  { struct, at, where: spell }: FunctionTable,
  member: (FunctionMember & { readonly target: Gva }) | undefined,
  fault: Fault,
): Suspicion {
  const where = spell();
  const place = member === undefined ? at : gva(at + BigInt(member.offset));
  const seen = member === undefined ? at : member.target;
  const what = member === undefined ? struct : `${struct}.${member.name}`;
  return {
    key: `${what} ${formatAddress(place)} -> ${formatAddress(seen)}`,
    title:
      member === undefined
        ? `The ${struct} of ${printable(where)} ${fault.title}`
        : `${member.name} of the ${struct} of ${printable(where)} ${fault.title}: ${printable(names(seen))}`,
    severity: "critical",
    because: fault.because,
    techniques: ["T1014", "T1564"],
    evidence: [
      {
        what,
        address: formatAddress(place),
        expected: fault.expected,
        seen: `${formatAddress(seen)} ${names(seen)}`,
        path: [where, `${struct} ${formatAddress(at)}`],
      },
    ],
    remediation: REMEDIATION,
  };
}
