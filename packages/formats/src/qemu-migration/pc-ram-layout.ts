import { CasemateError, formatBytes, GiB } from "@casemate/core";

/** Guest-physical `[start, end)`, which is the machine's RAM from byte `offset` on. */
export interface RamSpan {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
}

/** Every PC with less RAM has all of it from address 0 on. */
const NEVER_SPLIT = 2 * GiB;
const FOUR_GIB = 4 * GiB;
/** Where AMD's HyperTransport range starts, which RAM above 4 GiB jumps over on some hosts (hw/i386/pc.c). */
const HYPERTRANSPORT = 1012 * GiB;

/**
 * Machine types and where they split RAM that reaches into the PCI hole: from `from` bytes on, RAM
 * below 4 GiB ends at `below` (QEMU 7.2, hw/i386/pc_q35.c and pc_piix.c). Distributions put words of
 * their own behind the family's name: `pc-q35-rhel9.2.0`, `pc-i440fx-8.1+pve0`.
 */
const SPLITS = [
  { machine: /^(pc-q35-|q35$)/, from: 0xb000_0000, below: 0x8000_0000 },
  { machine: /^pc-i440fx-1\./, from: 0xe000_0000, below: 0xe000_0000 },
  { machine: /^(pc-i440fx-|pc$)/, from: 0xe000_0000, below: 0xc000_0000 },
] as const;

/**
 * Where the RAM of a PC is, for machines whose `max-ram-below-4g` was left as it is.
 *
 * Throws `dump/unknown-format` for a machine type that is not known to split its RAM so.
 */
export function planPcRam(machine: string | undefined, ramBytes: number): readonly RamSpan[] {
  const whole = [{ start: 0, end: ramBytes, offset: 0 }];
  if (ramBytes < NEVER_SPLIT) return whole;
  const split = SPLITS.find((known) => known.machine.test(machine ?? ""));
  const above = ramBytes - (split?.below ?? 0);
  if (split === undefined || FOUR_GIB + above > HYPERTRANSPORT) {
    throw new CasemateError(
      "dump/unknown-format",
      `Cannot tell where the ${formatBytes(ramBytes)} of a saved VM's RAM lie: machine type ${machine ?? "unknown"}, expected pc-q35 or pc-i440fx with less than 1 TiB.`,
      { next: "Restore the VM and take a dump with `virsh dump --memory-only`." },
    );
  }
  if (ramBytes < split.from) return whole;
  const low = { start: 0, end: split.below, offset: 0 };
  if (above === 0) return [low];
  return [low, { start: FOUR_GIB, end: FOUR_GIB + above, offset: split.below }];
}
