import { formatAddress, type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { addressNames } from "../linux/address-names.ts";
import { defineDetector } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";

/** Functions of exceptions by their vectors: arch/x86/include/asm/idtentry.h. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  0: "divide_error",
  1: "debug",
  2: "nmi",
  3: "int3",
  4: "overflow",
  5: "bounds",
  6: "invalid_op",
  7: "device_not_available",
  8: "double_fault",
  9: "coproc_segment_overrun",
  10: "invalid_tss",
  11: "segment_not_present",
  12: "stack_segment",
  13: "general_protection",
  14: "page_fault",
  15: "spurious_interrupt_bug",
  16: "coprocessor_error",
  17: "alignment_check",
  18: "machine_check",
  19: "simd_coprocessor_error",
  20: "virtualization_exception",
  21: "control_protection",
  29: "vmm_communication",
};
const FIRST_EXTERNAL_VECTOR = 0x20;
/** `FIRST_SYSTEM_VECTOR`, which depends on what the kernel was built with. */
const FIRST_SYSTEM_VECTORS = [0xec, 0xeb, 0xea, 0xe9, 0xe8];
const SYSTEM_CALL_VECTOR = 0x80;
const SYSTEM_CALL_ENTRIES = ["entry_INT80_compat", "asm_int80_emulation"];
/** What programs may call with INT: breakpoints, overflows and 32-bit system calls. */
const OPEN_TO_PROGRAMS = [3, 4, SYSTEM_CALL_VECTOR];

// Gates of 64-bit mode: Intel SDM vol. 3, 6.14.1.
const VECTORS = 256;
const GATE = 16;
const INTERRUPT_GATE = 14;
const PRESENT = 0x80;
/** `struct desc_ptr`: a size of 16 bits, then the address. */
const DESCRIPTOR_ADDRESS = 2;
/** `__KERNEL_CS` (arch/x86/include/asm/segment.h). */
const KERNEL_CS = 0x10;

const REMEDIATION =
  "Take a snapshot with memory for evidence and isolate the VM; restore a state from before it.";

/** Interrupts and exceptions that lead elsewhere than to the kernel's own entries for them. */
export const interruptDescriptors = defineDetector({
  id: "interrupt-descriptors",
  title: "Interrupt descriptors",
  techniques: ["T1014", "T1601"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "A processor that uses another table: which one it uses is in its IDTR, not in memory; that the kernel would load its own is checked.",
    "Processors with FRED, which do not use the table.",
    "The entries themselves: kernel-text compares them.",
  ],
  check({ kernel }, inspection) {
    const table = kernel.symbol("idt_table");
    const bytes = kernel.memory.bytes(table, VECTORS * GATE);
    inspection.looked();
    const other = otherTable(kernel, table);
    if (other !== undefined) inspection.report(other);
    inspection.looked(VECTORS);
    const before = inspection.kept.get("verified");
    if (before instanceof Uint8Array && Buffer.compare(before, bytes) === 0) return;

    const names = addressNames(kernel);
    const view = new DataView(bytes.buffer);
    let isClean = true;
    for (let vector = 0; vector < VECTORS; vector += 1) {
      inspection.budget.step();
      const gate = parseGate(view, vector * GATE);
      if (!gate.isPresent) continue;
      const fault = faultOf(kernel, vector, gate);
      if (fault === undefined) continue;
      isClean = false;
      const at = gva(table + BigInt(vector * GATE));
      inspection.report({
        key: `vector ${vector} -> ${formatAddress(gate.offset)} ${gate.attributes}`,
        title: `Interrupt ${vector} ${fault.title} (${names(gate.offset)})`,
        severity: "critical",
        because: fault.because,
        techniques: ["T1014"],
        evidence: [
          {
            what: `descriptor of interrupt ${vector}`,
            address: formatAddress(at),
            expected: fault.expected,
            seen: `${formatAddress(gate.offset)} ${names(gate.offset)}, privilege ${gate.privilege}, type ${gate.type}, selector ${gate.selector}`,
            seenBytes: Buffer.from(bytes.subarray(vector * GATE, (vector + 1) * GATE)).toString(
              "hex",
            ),
            path: ["idt_table", `[${vector}]`],
          },
        ],
        remediation: REMEDIATION,
      });
    }
    if (isClean) inspection.kept.set("verified", bytes);
  },
});

interface Gate {
  readonly offset: Gva;
  readonly selector: number;
  readonly type: number;
  /** The least privileged ring that may call it by INT. */
  readonly privilege: number;
  readonly isPresent: boolean;
  readonly attributes: number;
}

function parseGate(view: DataView, at: number): Gate {
  const low = view.getUint32(at, true);
  const middle = view.getUint32(at + 4, true);
  const high = view.getUint32(at + 8, true);
  const attributes = (middle >>> 8) & 0xff;
  return {
    offset: gva((BigInt(high) << 32n) | BigInt(((middle & 0xffff_0000) | (low & 0xffff)) >>> 0)),
    selector: low >>> 16,
    type: attributes & 15,
    privilege: (attributes >>> 5) & 3,
    isPresent: (attributes & PRESENT) !== 0,
    attributes,
  };
}

interface Fault {
  readonly title: string;
  readonly because: string;
  readonly expected: string;
}

function faultOf(kernel: KernelReader, vector: number, gate: Gate): Fault | undefined {
  const symbol = kernel.symbolAt(gate.offset);
  if (symbol === undefined || !isEntry(vector, symbol)) {
    return {
      title: "leads to code that is not the kernel's entry for it",
      because: "Whoever owns an interrupt's entry runs before the kernel does, with all rights.",
      expected: expectedEntry(vector),
    };
  }
  if (gate.privilege !== 0 && !OPEN_TO_PROGRAMS.includes(vector)) {
    return {
      title: "may be called by programs",
      because: "The kernel opens only breakpoints and system calls to them: this is a back door.",
      expected: "privilege 0",
    };
  }
  if (gate.type !== INTERRUPT_GATE || gate.selector !== KERNEL_CS) {
    return {
      title: "has a descriptor that the kernel does not make",
      because: "It changes how the processor enters the kernel.",
      expected: `type ${INTERRUPT_GATE}, selector ${KERNEL_CS}`,
    };
  }
  return undefined;
}

function isEntry(
  vector: number,
  { name, offset }: { readonly name: string; readonly offset: number },
): boolean {
  // What no entry was set for goes where it went while the kernel started.
  if (name === "early_idt_handler_array")
    return vector < FIRST_EXTERNAL_VECTOR && isStep(offset, vector, 9, 16);
  const exception = EXCEPTIONS[vector];
  if (vector < FIRST_EXTERNAL_VECTOR) {
    return offset === 0 && exception !== undefined && name === `asm_exc_${exception}`;
  }
  if (offset === 0 && vector === SYSTEM_CALL_VECTOR && SYSTEM_CALL_ENTRIES.includes(name)) {
    return true;
  }
  if (name === "irq_entries_start") return isStep(offset, vector - FIRST_EXTERNAL_VECTOR, 8, 16);
  if (name === "spurious_entries_start") {
    return FIRST_SYSTEM_VECTORS.some((first) => isStep(offset, vector - first, 8, 16));
  }
  return offset === 0 && name.startsWith("asm_sysvec_");
}

/** Whether `offset` is that of entry `index` of an array whose entries have `least` to `most` bytes. */
function isStep(offset: number, index: number, least: number, most: number): boolean {
  if (index <= 0) return index === 0 && offset === 0;
  const size = offset / index;
  return Number.isInteger(size) && size >= least && size <= most;
}

function expectedEntry(vector: number): string {
  if (vector === SYSTEM_CALL_VECTOR) return SYSTEM_CALL_ENTRIES.join(" or ");
  const exception = EXCEPTIONS[vector];
  if (exception !== undefined) return `asm_exc_${exception}`;
  return vector < FIRST_EXTERNAL_VECTOR
    ? "early_idt_handler_array"
    : "irq_entries_start, spurious_entries_start or asm_sysvec_…";
}

/** The kernel loads the table where it is read-only (`CPU_ENTRY_AREA_RO_IDT`): that must be the same memory. */
function otherTable(kernel: KernelReader, table: Gva): Suspicion | undefined {
  const descriptor = kernel.symbol("idt_descr");
  const loaded = kernel.memory.pointer(descriptor, DESCRIPTOR_ADDRESS);
  if (kernel.memory.translate(loaded) === kernel.memory.translate(table)) return undefined;
  return {
    key: `idt_descr -> ${formatAddress(loaded)}`,
    title: "The kernel loads another table of interrupts than its own",
    severity: "critical",
    because: "Whoever owns the table of interrupts runs before the kernel does, with all rights.",
    techniques: ["T1014"],
    evidence: [
      {
        what: "idt_descr",
        address: formatAddress(descriptor),
        expected: `an address of the memory of idt_table (${formatAddress(table)})`,
        seen: formatAddress(loaded),
        path: ["idt_descr", "address"],
      },
    ],
    remediation: REMEDIATION,
  };
}
