import assert from "node:assert/strict";
import { test } from "node:test";
import { Heap } from "../../test/heap.ts";
import { walkPrintkRecords } from "./printk-ringbuffer.ts";

const COUNT_BITS = 3;
const SIZE_BITS = 8;
const DESC_SIZE = 24;
const INFO_SIZE = 88;
const COMMITTED = 1n;
const FINALIZED = 2n;
const REUSABLE = 3n;

/** A ring of 8 records and 256 bytes of text, written by hand. */
class Ring {
  readonly heap = new Heap();
  readonly ring = this.heap.take(256);
  readonly descs = this.heap.take(8 * DESC_SIZE);
  readonly infos = this.heap.take(8 * INFO_SIZE);
  readonly data = this.heap.take(1 << SIZE_BITS);

  constructor(tail: bigint, head: bigint) {
    const { heap, ring } = this;
    const { btf } = heap.guest;
    const descRing = btf.offsetOf("printk_ringbuffer", "desc_ring");
    const dataRing = btf.offsetOf("printk_ringbuffer", "text_data_ring");
    const inDescs = (member: string) => descRing + btf.offsetOf("prb_desc_ring", member);
    const inData = (member: string) => dataRing + btf.offsetOf("prb_data_ring", member);
    heap.write(heap.symbol("prb"), 0, ring);
    heap.write(ring, inDescs("count_bits"), BigInt(COUNT_BITS));
    heap.write(ring, inDescs("descs"), this.descs);
    heap.write(ring, inDescs("infos"), this.infos);
    heap.write(ring, inDescs("head_id"), head);
    heap.write(ring, inDescs("tail_id"), tail);
    heap.write(ring, inData("size_bits"), BigInt(SIZE_BITS));
    heap.write(ring, inData("data"), this.data);
  }

  record(id: bigint, state: bigint, begin: bigint, next: bigint, length: number): void {
    const index = Number(id % 8n);
    this.heap.write(this.descs, index * DESC_SIZE, (state << 62n) | id);
    this.heap.write(this.descs, index * DESC_SIZE + 8, begin);
    this.heap.write(this.descs, index * DESC_SIZE + 16, next);
    this.heap.write(this.infos, index * INFO_SIZE + 16, BigInt(length));
  }

  text(index: number, id: bigint, text: string): void {
    this.heap.write(this.data, index, id);
    for (const [i, byte] of Buffer.from(text).entries()) {
      this.heap.writeByte(this.data, index + 8 + i, byte);
    }
  }

  read(): readonly string[] {
    return this.heap.look((kernel) => [...walkPrintkRecords(kernel)].map(({ text }) => text));
  }
}

test("walkPrintkRecords: finalized records, from the tail to the head", () => {
  const ring = new Ring(14n, 18n);
  ring.record(14n, REUSABLE, 0n, 16n, 8);
  ring.record(15n, FINALIZED, 0x210n, 0x228n, 9);
  ring.text(0x10, 15n, "two\nlines");
  ring.record(16n, FINALIZED, 3n, 3n, 0);
  ring.record(17n, FINALIZED, 1n, 1n, 5);
  ring.record(18n, COMMITTED, 0x228n, 0x240n, 4);
  ring.text(0x28, 18n, "open");
  assert.deepEqual(ring.read(), ["two\nlines", ""]);
});

test("walkPrintkRecords: text that had no room at the end starts at the first byte", () => {
  const ring = new Ring(15n, 16n);
  ring.record(15n, FINALIZED, 0x1e0n, 0x200n, 20);
  ring.text(0xe0, 15n, "up to the very end");
  ring.record(16n, FINALIZED, 0x2f8n, 0x318n, 12);
  ring.text(0, 16n, "from the top");
  assert.deepEqual(ring.read(), ["up to the very end", "from the top"]);
});

test("walkPrintkRecords: text is no longer than its block, whatever its record says", () => {
  const ring = new Ring(15n, 15n);
  ring.record(15n, FINALIZED, 0x200n, 0x210n, 0xffff);
  ring.text(0, 15n, "8 bytes?and more");
  assert.deepEqual(ring.read(), ["8 bytes?"]);
});

test("walkPrintkRecords: a block that another record owns is not read", () => {
  const ring = new Ring(15n, 15n);
  ring.record(15n, FINALIZED, 0x200n, 0x210n, 4);
  ring.text(0, 23n, "not his");
  assert.deepEqual(ring.read(), []);
});

test("malformed: rings that Linux cannot make are refused", () => {
  for (const [tail, head] of [
    [0n, 8n],
    [5n, 4n],
  ] as const) {
    const ring = new Ring(tail, head);
    assert.throws(() => ring.read(), { code: "kernel/damaged" });
  }
  const { heap, ring } = new Ring(0n, 0n);
  heap.write(ring, 0, 60n);
  assert.throws(() => heap.look((kernel) => [...walkPrintkRecords(kernel)]), {
    code: "kernel/damaged",
  });
});
