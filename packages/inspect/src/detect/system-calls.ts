import { formatAddress, type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { KernelTextReader } from "../kernel/kernel-text-reader.ts";
import { addressNames } from "../linux/address-names.ts";
import { symbolExtent } from "../linux/symbol-extent.ts";
import { systemCallFunctions } from "../linux/system-call-functions.ts";
import { SystemCallSwitch } from "../linux/system-call-switch.ts";
import { walkKprobes } from "../linux/walk-kprobes.ts";
import { disassemble } from "./code/disassemble.ts";
import { defineDetector, type Inspection } from "./detector.ts";
import type { Evidence } from "./suspicion.ts";

type Abi = keyof typeof systemCallFunctions;

/** Where system calls are called from, and by which numbers. */
const PLACES = [
  { abi: "x64", table: "sys_call_table", call: "x64_sys_call" },
  { abi: "ia32", table: "ia32_sys_call_table", call: "ia32_sys_call" },
  { abi: "x32", table: "x32_sys_call_table", call: "x32_sys_call" },
] as const satisfies readonly {
  readonly abi: Abi;
  readonly table: string;
  readonly call: string;
}[];

/** What the symbols of functions begin with; a few have a second prefix. */
const PREFIXES: Readonly<Record<Abi, readonly string[]>> = {
  x64: ["__x64_sys_"],
  ia32: ["__ia32_sys_", "__ia32_compat_sys_"],
  x32: ["__x64_sys_", "__x64_compat_sys_", "__x32_compat_sys_"],
};
const SECOND_PREFIXES = ["", "ia32_", "x86_"];
/** The same, for the names that several symbols of one address may have. */
const SYSTEM_CALL = /^(?:__(?:x64|ia32|x32|do)_(?:compat_)?)?sys_(?:ia32_|x86_)?(.*)$/;
const NONE = "ni_syscall";
/** Numbers of programs with 32-bit pointers in 64-bit mode begin here. */
const FIRST_X32 = 512;
/** `x64_sys_call` and its like have some 6000 bytes, the tables some 450 entries. */
const MAX_SWITCH = 64 * 1024;
const MAX_TABLE = 4096 * 8;
const MAX_INSTRUCTION = 15;
/** The assembler from `entry_SYSCALL_64` to the call of `do_syscall_64`, and that function. */
const MAX_ENTRY = 512;
const MAX_DISPATCHER = 4096;

/** System calls that lead elsewhere than to the kernel's own functions for them. */
export const systemCalls = defineDetector({
  id: "system-calls",
  title: "System calls",
  techniques: ["T1014", "T1601"],
  needs: ["kernelMetadata", "kernelText"],
  cost: "low",
  blindTo: [
    "The processor's registers say where system calls enter (MSR_LSTAR, MSR_CSTAR, MSR_IA32_SYSENTER_EIP): they are not in memory. An entry of another's making is seen by what it leaves unused, or by hidden-modules and page-tables.",
    "A function that was changed itself, or that a tracer stands before: kernel-text and kernel-hooks see those.",
    "32-bit system calls on their way to ia32_sys_call.",
  ],
  check({ kernel, text }, inspection) {
    const names = addressNames(kernel);
    for (const { abi, table, call } of PLACES) {
      const expected = expectations(kernel, abi);
      const isCalled = kernel.hasSymbol(call);
      if (kernel.hasSymbol(table)) {
        checkTable(kernel, { table, expected, isUsed: !isCalled, names }, inspection);
      }
      if (isCalled) checkSwitch(kernel, text, { call, expected, names }, inspection);
    }
    checkEntry(kernel, text, inspection);
  },
});

/** Tells whether a number may lead to a function, and what it should lead to. */
interface Expectations {
  readonly names: readonly (string | undefined)[];
  isMet(number: number, target: Gva): boolean;
  describe(number: number): string;
}

function expectations(kernel: KernelReader, abi: Abi): Expectations {
  const gap = Array.from({ length: FIRST_X32 - systemCallFunctions.x64.length }, () => undefined);
  const names =
    abi === "x32"
      ? [...systemCallFunctions.x64, ...gap, ...systemCallFunctions.x32]
      : systemCallFunctions[abi];
  const symbolsOf = (number: number) => {
    const name = names[number];
    if (name === undefined) return [];
    return PREFIXES[abi]
      .flatMap((prefix) => SECOND_PREFIXES.map((second) => `${prefix}${second}${name}`))
      .filter((symbol) => kernel.hasSymbol(symbol));
  };
  return {
    names,
    isMet(number, target) {
      const symbol = kernel.symbolAt(target);
      if (symbol?.offset === 0) {
        const [, name] = SYSTEM_CALL.exec(symbol.name) ?? [];
        if (name !== undefined && name === names[number]) return true;
        // x32 has not every 64-bit call.
        if (name === NONE && abi === "x32" && number < FIRST_X32) return true;
      }
      const symbols = symbolsOf(number);
      if (symbols.length > 0) return symbols.some((each) => kernel.symbol(each) === target);
      // A newer kernel, an older one, or one that was built without it; zeros fill the space after a table.
      return target === 0n || (symbol?.offset === 0 && SYSTEM_CALL.test(symbol.name));
    },
    describe(number) {
      const symbols = symbolsOf(number);
      if (symbols.length === 0) return "the start of a function for a system call";
      return symbols.map((each) => `${formatAddress(kernel.symbol(each))} ${each}`).join(" or ");
    },
  };
}

interface TableCheck {
  readonly table: string;
  readonly expected: Expectations;
  /** Whether the kernel calls by it; those with a switch keep it for tracers only. */
  readonly isUsed: boolean;
  readonly names: (address: Gva) => string;
}

function checkTable(
  kernel: KernelReader,
  { table, expected, isUsed, names }: TableCheck,
  inspection: Inspection,
): void {
  const at = kernel.symbol(table);
  const extent = keep(inspection, `${table} ${at}`, () => symbolExtent(kernel, at, MAX_TABLE));
  const bytes = kernel.memory.bytes(at, extent & ~7);
  const words = new BigUint64Array(bytes.buffer);
  if (isVerified(inspection, table, bytes)) {
    inspection.looked(words.length);
    return;
  }
  let isClean = true;
  for (let number = 0; number < words.length; number += 1) {
    const target = gva(words[number] ?? 0n);
    inspection.looked();
    inspection.budget.step();
    if (expected.isMet(number, target)) continue;
    isClean = false;
    const structure = gva(at + BigInt(number * 8));
    inspection.report({
      key: `${table}[${number}] ${formatAddress(structure)} -> ${formatAddress(target)}`,
      title: `System call ${number} (${expected.names[number] ?? "?"}) leads to ${names(target)} by ${table}`,
      severity: isUsed ? "critical" : "high",
      because: isUsed
        ? "Whoever owns this entry sees and changes what programs ask of the kernel."
        : "This kernel calls without the table, but nothing writes there except to redirect system calls.",
      techniques: ["T1014"],
      evidence: [
        {
          what: `entry ${number} (${expected.names[number] ?? "?"}) of ${table}`,
          address: formatAddress(structure),
          expected: expected.describe(number),
          seen: `${formatAddress(target)} ${names(target)}`,
          path: [table, `[${number}]`],
        },
      ],
      remediation: REMEDIATION,
    });
  }
  if (isClean) inspection.kept.set(`verified ${table}`, bytes);
}

/** Whether the bytes are those that were verified at an earlier look. */
function isVerified({ kept }: Inspection, name: string, bytes: Uint8Array): boolean {
  const before = kept.get(`verified ${name}`);
  return before instanceof Uint8Array && Buffer.compare(before, bytes) === 0;
}

const REMEDIATION =
  "Take a snapshot with memory for evidence and isolate the VM; nothing that its programs say can be relied on. Restore a state from before it.";

interface SwitchCheck {
  readonly call: string;
  readonly expected: Expectations;
  readonly names: (address: Gva) => string;
}

function checkSwitch(
  kernel: KernelReader,
  text: KernelTextReader,
  { call, expected, names }: SwitchCheck,
  inspection: Inspection,
): void {
  const at = kernel.symbol(call);
  const length = keep(inspection, `${call} ${at}`, () => symbolExtent(kernel, at, MAX_SWITCH));
  const bytes = text.bytes(at, length);
  const count = expected.names.length;
  if (isVerified(inspection, call, bytes)) {
    inspection.looked(count);
    return;
  }
  const calls = new SystemCallSwitch(at, bytes);
  let isClean = true;
  // What is probed has another instruction there than the compiler's.
  const probed = new Set<bigint>();
  for (const { address } of kernel.attemptWalk(walkKprobes(kernel), "kprobes")) probed.add(address);
  for (let number = 0; number < count; number += 1) {
    inspection.budget.step();
    const found = calls.follow(number);
    const what = `system call ${number} (${expected.names[number]}) in ${call}`;
    if (found === undefined || probed.has(found.from)) {
      isClean = false;
      inspection.missed(what, "Its code is not what compilers make of a switch.");
      continue;
    }
    inspection.looked();
    const { target, from } = found;
    if (expected.isMet(number, target)) continue;
    isClean = false;
    const offset = Number(from - at);
    const code = bytes.subarray(offset, offset + MAX_INSTRUCTION);
    const [instruction] = disassemble(code, from, names);
    const evidence: Evidence = {
      what: `instruction for ${what}`,
      address: formatAddress(from),
      expected: expected.describe(number),
      seen: `${formatAddress(target)} ${names(target)}`,
      seenBytes: Buffer.from(code.subarray(0, instruction?.length)).toString("hex"),
      disassembly: instruction === undefined ? [] : [instruction.text],
      path: ["entry_SYSCALL_64", "do_syscall_64", `${call}+0x${offset.toString(16)}`],
    };
    inspection.report({
      key: `${call} ${number} ${formatAddress(from)} -> ${formatAddress(target)}`,
      title: `System call ${number} (${expected.names[number]}) leads to ${names(target)} by ${call}`,
      severity: "critical",
      because: "Whoever owns this call sees and changes what programs ask of the kernel.",
      techniques: ["T1014", "T1601"],
      evidence: [evidence],
      remediation: REMEDIATION,
    });
  }
  if (isClean) inspection.kept.set(`verified ${call}`, bytes);
}

/** From the entry of 64-bit system calls on: the calls must be there. */
function checkEntry(kernel: KernelReader, text: KernelTextReader, inspection: Inspection): void {
  if (!kernel.hasSymbol("do_syscall_64")) return;
  const dispatcher = kernel.symbol("do_syscall_64");
  const check = (what: string, at: Gva, isThere: boolean, expected: string) => {
    inspection.looked();
    if (isThere) return;
    inspection.report({
      key: `${what} ${formatAddress(at)}`,
      title: `${what} does not lead to ${expected}`,
      severity: "critical",
      because: "All 64-bit system calls pass here; whoever changed it sees and changes them all.",
      techniques: ["T1014", "T1601"],
      evidence: [
        { what, address: formatAddress(at), expected: `leads to ${expected}`, seen: "no" },
      ],
      remediation: REMEDIATION,
    });
  };
  const entry = kernel.symbol("entry_SYSCALL_64");
  const around = text.bytes(entry, MAX_ENTRY);
  check("entry_SYSCALL_64", entry, hasCall(entry, around, dispatcher), "do_syscall_64");
  const length = keep(inspection, `do_syscall_64 ${dispatcher}`, () =>
    symbolExtent(kernel, dispatcher, MAX_DISPATCHER),
  );
  const body = text.bytes(dispatcher, length);
  const isThere = kernel.hasSymbol("x64_sys_call")
    ? hasCall(dispatcher, body, kernel.symbol("x64_sys_call"))
    : holds(body, kernel.symbol("sys_call_table"));
  check("do_syscall_64", dispatcher, isThere, "the system calls");
}

/** Whether the bytes of `CALL target` are among `bytes`, which are at `at`. */
function hasCall(at: Gva, bytes: Uint8Array, target: Gva): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const distance = Number(target - at);
  for (let i = 0; i + 5 <= bytes.length; i += 1) {
    const isCall = bytes[i] === 0xe8 || bytes[i] === 0xe9;
    if (isCall && view.getInt32(i + 1, true) === distance - i - 5) return true;
  }
  return false;
}

/** Whether the low half of `address` is an operand somewhere in `bytes`. */
function holds(bytes: Uint8Array, address: Gva): boolean {
  const operand = Buffer.alloc(4);
  operand.writeInt32LE(Number(BigInt.asIntN(32, address)));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(operand);
}

/** What does not change while the guest runs. */
function keep(inspection: Inspection, key: string, read: () => number): number {
  const known = inspection.kept.get(key);
  if (typeof known === "number") return known;
  const value = read();
  inspection.kept.set(key, value);
  return value;
}
