import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockCache } from "../block-cache.ts";
import type { BlockReader } from "../block-reader.ts";
import { BytesReader } from "../bytes-reader.ts";
import { JoinedReader } from "../joined-reader.ts";
import { readBytes } from "../read-bytes.ts";
import { WindowReader } from "../window-reader.ts";
import { ReadTrace } from "./read-trace.ts";
import { traceDisk } from "./trace-disk.ts";
import { traceApart, traceDisplaced, traceFact, traceReads } from "./trace-reads.ts";

const disk = traceDisk(new BytesReader(Buffer.alloc(4096)), 10_000);

/** Where `work` reads. */
function spansOf(work: () => unknown): readonly number[] {
  const trace = new ReadTrace();
  traceReads(trace, work);
  return trace.spans;
}

test("traceReads: what is read through other readers is noted by its place on the disks", () => {
  const window = new WindowReader(disk, 512, 1024, "a window");
  const joined = new JoinedReader([window, new WindowReader(disk, 0, 64, "a window")], "a volume");
  const spans = spansOf(() => readBytes(joined, 1000, 50, "bytes"));
  assert.deepEqual(spans, [10_000, 10_026, 11_512, 11_536]);
});

test("traceReads: whoever is given what a cache kept has read it", () => {
  const cache = new BlockCache(disk, 512, 4096, "a block");
  const whole = [10_512, 11_024];
  assert.deepEqual(
    spansOf(() => cache.block(512)),
    whole,
  );
  assert.deepEqual(
    spansOf(() => cache.block(512)),
    whole,
  );
  assert.deepEqual(
    spansOf(() => cache.blockFor(512, 16, 8)),
    [10_528, 10_536],
  );
});

test("traceReads: what a cache kept while nobody traced is read again", () => {
  const cache = new BlockCache(disk, 512, 4096, "a block");
  cache.block(0);
  assert.deepEqual(
    spansOf(() => cache.block(0)),
    [10_000, 10_512],
  );
});

test("BlockCache.part: a block in pieces is read as a whole", () => {
  const pieces: BlockReader = new JoinedReader(
    [1024, 0].map((start) => new WindowReader(disk, start, 256, "a window")),
    "a volume",
  );
  const cache = new BlockCache(pieces, 512, 4096, "a block");
  assert.deepEqual(
    spansOf(() => cache.blockFor(0, 16, 8)),
    [10_000, 10_256, 11_024, 11_280],
  );
});

test("traceReads: what fails was read, too", () => {
  const failing: BlockReader = {
    size: 4096,
    read(offset, target) {
      disk.read(offset, target);
      throw new Error("checksum");
    },
  };
  const cache = new BlockCache(failing, 512, 4096, "a block");
  const spans = spansOf(() => assert.throws(() => cache.block(0)));
  assert.deepEqual(spans, [10_000, 10_512]);
});

test("traceFact: is told by its value, or by what it throws", () => {
  const factsOf = (work: () => unknown) => {
    const trace = new ReadTrace();
    traceReads(trace, work);
    assert.deepEqual(trace.spans, []);
    return trace.facts;
  };
  const read = () => traceFact(() => readBytes(disk, 0, 8, "bytes").length);
  assert.deepEqual(factsOf(read), factsOf(read));
  assert.notDeepEqual(
    factsOf(read),
    factsOf(() => traceFact(() => 9)),
  );
  const fail = (message: string) => () =>
    assert.throws(() =>
      traceFact(() => {
        throw new Error(message);
      }),
    );
  assert.deepEqual(factsOf(fail("one")), factsOf(fail("one")));
  assert.notDeepEqual(factsOf(fail("one")), factsOf(fail("other")));
});

test("traceDisplaced, traceApart: are of nobody who reads", () => {
  const trace = new ReadTrace();
  traceReads(trace, () => {
    traceDisplaced(() => readBytes(disk, 0, 8, "bytes"));
    traceApart(() => readBytes(disk, 512, 8, "bytes"));
  });
  assert.deepEqual(trace.spans, []);
  assert.deepEqual(trace.displaced, [10_000, 10_008]);
});

test("ReadTrace: takes of another what is new of it; beyond some pieces, what lies between them", () => {
  const [one, other] = [new ReadTrace(), new ReadTrace()];
  one.note(0, 10);
  other.noteAll(one);
  one.note(10, 20);
  one.note(40, 50);
  other.noteAll(one);
  assert.deepEqual(other.spans, [0, 20, 40, 50]);
  for (let i = 0; i < 70_000; i += 1) one.note(i * 100, i * 100 + 1);
  other.noteAll(one);
  assert.deepEqual([other.spans[0], other.spans.at(-1)], [0, 6_999_901]);
});
