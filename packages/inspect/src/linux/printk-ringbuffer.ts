import { CasemateError, type Gva, gva } from "@casemate/core";
import { decodeText } from "../decode-text.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** A record of the printk ring that is complete, and its text. */
export interface PrintkRecord {
  /** Address of its `struct printk_info`. */
  readonly info: Gva;
  /** HOSTILE: processes write into the log as well (/dev/kmsg), and drivers print what devices say. */
  readonly text: string;
}

// kernel/printk/printk_ringbuffer.h: the two highest bits of `state_var` are the state, the rest is the id.
const STATE_SHIFT = 62n;
const ID_MASK = (1n << STATE_SHIFT) - 1n;
/** `desc_finalized`: complete, and nothing can be added any more. */
const FINALIZED = 2n << STATE_SHIFT;
/** A logical position with the low bit set stands for no data; this one for a text that is empty. */
const EMPTY_LINE = 3n;
/** Each block of text starts with the id of its descriptor (`struct prb_data_block`). */
const BLOCK_HEADER = 8n;
/** LOG_BUF_LEN_MAX is 2^31 bytes, and a descriptor stands for 2^5 of them. */
const MAX_SIZE_BITS = 31;
const MAX_COUNT_BITS = 26;
/** Text that costs as much as one step of a walk, in bytes. */
const TEXT_PER_STEP = 64;

/**
 * Finalized records from the oldest to the newest, as `prb_for_each_record` gives them to /dev/kmsg.
 *
 * Writers neither wait for readers nor lock: each record is checked again after its text was copied, and
 * one that was overwritten meanwhile marks the look as torn. That new records come does not.
 *
 * HOSTILE: ids, positions and sizes are the guest's; text is paid for by its length.
 */
export function* walkPrintkRecords(kernel: KernelReader): Generator<PrintkRecord> {
  const { memory, budget } = kernel;
  const ringbuffer = kernel.struct("printk_ringbuffer");
  // `prb` points to the ring in use: another one once `log_buf_len=` took effect.
  const ring = kernel.link(kernel.symbol("prb"));
  const countBits = ringbuffer.number("desc_ring.count_bits")(ring);
  const sizeBits = ringbuffer.number("text_data_ring.size_bits")(ring);
  if (countBits > MAX_COUNT_BITS || sizeBits > MAX_SIZE_BITS) {
    throw damaged(`2^${countBits} records in 2^${sizeBits} bytes`, "a ring that Linux can make");
  }
  const last = (1n << BigInt(countBits)) - 1n;
  const descs = ringbuffer.pointer("desc_ring.descs")(ring);
  const infos = ringbuffer.pointer("desc_ring.infos")(ring);
  const head = ringbuffer.bigint("desc_ring.head_id")(ring) & ID_MASK;
  const tail = kernel.link(ring, ringbuffer.offset("desc_ring.tail_id")) & ID_MASK;
  if (((head - tail) & ID_MASK) > last) {
    throw damaged(`records ${tail} to ${head}`, `at most ${last + 1n} of them`);
  }
  const desc = kernel.struct("prb_desc");
  const info = kernel.struct("printk_info");
  const stateOffset = desc.offset("state_var");
  const text = textReader(kernel, ringbuffer.pointer("text_data_ring.data")(ring), sizeBits);

  for (let id = tail; ; id = (id + 1n) & ID_MASK) {
    budget.step();
    const index = Number(id & last);
    const at = desc.element(descs, index);
    const record = info.element(infos, index);
    const before = memory.u64(at, stateOffset);
    if (before === (FINALIZED | id)) {
      const found = text(at, id, record);
      if (memory.u64(at, stateOffset) !== before) kernel.markTorn();
      else if (found !== undefined) yield { info: record, text: found };
    }
    if (id === head) return;
  }
}

/** Reads a record's text; `undefined` where the ring had no room for it: `get_data`. */
function textReader(kernel: KernelReader, data: Gva, sizeBits: number) {
  const desc = kernel.struct("prb_desc");
  const begin = desc.bigint("text_blk_lpos.begin");
  const next = desc.bigint("text_blk_lpos.next");
  const length: Accessor<number> = kernel.struct("printk_info").number("text_len");
  const wrap = BigInt(sizeBits);
  const indexMask = (1n << wrap) - 1n;

  return (at: Gva, id: bigint, record: Gva): string | undefined => {
    const from = begin(at);
    const to = next(at);
    if ((from & 1n) === 1n && (to & 1n) === 1n) {
      return from === EMPTY_LINE && to === EMPTY_LINE ? "" : undefined;
    }
    // A block does not go around the end: one that had no room there starts at the first byte.
    const wraps = from >> wrap !== (to - 1n) >> wrap;
    const block = wraps ? 0n : from & indexMask;
    const end = wraps ? to & indexMask : block + (to - from);
    const size = end - block - BLOCK_HEADER;
    const start = gva(data + block);
    if (size < 0n || size > indexMask || kernel.memory.u64(start) !== id) {
      kernel.markTorn();
      return undefined;
    }
    const wanted = Math.min(length(record), Number(size));
    kernel.budget.step(Math.ceil(wanted / TEXT_PER_STEP));
    return decodeText(kernel.memory.bytes(gva(start + BLOCK_HEADER), wanted));
  };
}

function damaged(seen: string, needed: string): CasemateError {
  return new CasemateError(
    "kernel/damaged",
    `Cannot read the kernel's log: it has ${seen}, expected ${needed}.`,
  );
}
