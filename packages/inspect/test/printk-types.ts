import type { BtfBuilder } from "./btf-builder.ts";

/** Adds the structs of the log (kernel/printk/printk_ringbuffer.h). */
export function addPrintkTypes(
  btf: BtfBuilder,
  { char, unsigned, u64 }: Readonly<Record<"char" | "unsigned" | "u64", number>>,
): void {
  const u16 = btf.int("short unsigned int", 2);
  const byte = btf.int("u8", 1);
  const pointer = btf.pointer(char);
  const device = btf.struct("dev_printk_info", [
    { name: "subsystem", type: btf.array(char, 16) },
    { name: "device", type: btf.array(char, 48) },
  ]);
  btf.struct("printk_info", [
    { name: "seq", type: u64 },
    { name: "ts_nsec", type: u64 },
    { name: "text_len", type: u16 },
    { name: "facility", type: byte },
    { name: "flags", type: byte, bitOffset: 19 * 8, bitSize: 5 },
    { name: "level", type: byte, bitOffset: 19 * 8 + 5, bitSize: 3 },
    { name: "caller_id", type: unsigned, bitOffset: 20 * 8 },
    { name: "dev_info", type: device, bitOffset: 24 * 8 },
  ]);
  const positions = btf.struct("prb_data_blk_lpos", [
    { name: "begin", type: u64 },
    { name: "next", type: u64 },
  ]);
  btf.struct("prb_desc", [
    { name: "state_var", type: u64 },
    { name: "text_blk_lpos", type: positions },
  ]);
  const descRing = btf.struct("prb_desc_ring", [
    { name: "count_bits", type: unsigned },
    { name: "descs", type: pointer },
    { name: "infos", type: pointer },
    { name: "head_id", type: u64 },
    { name: "tail_id", type: u64 },
  ]);
  const dataRing = btf.struct("prb_data_ring", [
    { name: "size_bits", type: unsigned },
    { name: "data", type: pointer },
  ]);
  btf.struct("printk_ringbuffer", [
    { name: "desc_ring", type: descRing },
    { name: "text_data_ring", type: dataRing },
  ]);
}
