import { CasemateError, MiB } from "@casemate/core";
import type { RamBlock } from "./ram-block.ts";

/** Blocks of firmware and devices (hw/i386/pc.c, pc_sysfw.c, hw/core/loader.c, hw/tpm/tpm_ppi.c, hw/display/vga.c). */
const NOT_RAM =
  /^(pc\.(bios|rom)|isa-bios|system\.flash\d+|tpm-ppi|vga\.(vram|rom)|\/rom@.*|[^/].*\/.*)$/;
/** All of a machine's RAM, as QEMU and libvirt name it; machines before 4.0 put `/objects/` before. */
const MACHINE = /^(?:\/objects\/)?pc\.ram$/;
/** The RAM of NUMA node N, as libvirt names its backends. */
const NODE = /^(?:\/objects\/)?ram-node(\d+)$/;
/** Memory is plugged in by the 128 MiB; a block that is smaller belongs to some device. */
const LARGE = 64 * MiB;

/**
 * The blocks that are the machine's RAM, in its order: one, or one for each NUMA node.
 *
 * Throws `dump/unknown-format` where that cannot be told, or where more was plugged in: its address
 * stands in the state of devices, which cannot be read.
 */
export function findMachineRam(blocks: readonly RamBlock[]): readonly RamBlock[] {
  const candidates = blocks.filter(({ name, length }) => length > 0 && !NOT_RAM.test(name));
  const machine = candidates.filter(({ name }) => MACHINE.test(name));
  const nodes = candidates
    .filter(({ name }) => NODE.test(name))
    .sort((a, b) => nodeOf(a) - nodeOf(b));
  const ram = [machine, nodes, candidates].find((found) => found.length > 0) ?? [];
  const more = candidates.filter((block) => !ram.includes(block) && block.length >= LARGE);
  if ((ram.length === 1 || ram === nodes) && more.length === 0) return ram;
  const names = candidates.slice(0, 8).map(({ name }) => name);
  throw new CasemateError(
    "dump/unknown-format",
    `Cannot tell where a saved VM's RAM lies: its blocks are ${names.join(", ") || "none"}, expected one, or one for each NUMA node.`,
    { next: "Restore the VM and take a dump with `virsh dump --memory-only`." },
  );
}

const nodeOf = ({ name }: RamBlock): number => Number(NODE.exec(name)?.[1]);
