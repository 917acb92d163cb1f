import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { constants, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { crc32c } from "../crc32c.ts";
import { expandLz4Legacy } from "./lz4.ts";
import { expandXz } from "./xz.ts";
import { zstdFrameLength } from "./zstd-frame.ts";

/** Machine code, text and noise: 1.5 MB, so that LZMA2 begins several chunks. */
const code = readFileSync("/bin/bash");
const noise = Buffer.from(Array.from({ length: 100_000 }, (_, at) => Math.imul(at, at) >>> 5));
const plain = Buffer.concat([code, noise, Buffer.alloc(100_000), noise]);

const pack = (file: string, ...args: readonly string[]) =>
  execFileSync(file, args, {
    input: plain,
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["pipe", "pipe", "pipe"],
  });

const ways = [
  ["--check=crc32", "--x86", "--lzma2=dict=1MiB"], // as the kernel's build has it
  ["-0", "--check=crc64"],
  ["-6e", "--check=none"],
  ["--format=xz", "--check=sha256", "--lzma2=preset=1,lc=0,lp=2,pb=0"],
  ["--block-size=200000", "--x86", "--lzma2=preset=1"],
];

for (const way of ways) {
  test(`expandXz: what \`xz ${way.join(" ")}\` made`, () => {
    const target = Buffer.alloc(plain.length);
    assert.equal(expandXz(pack("xz", "-c", "-T1", ...way), target), plain.length);
    assert.ok(target.equals(plain));
  });
}

test("expandXz: damaged, cut off or too long for the target", () => {
  const packed = pack("xz", "-c", "-0", "--check=crc32");
  const target = Buffer.alloc(plain.length);
  assert.equal(expandXz(packed, target.subarray(1)), undefined);
  assert.equal(expandXz(packed.subarray(0, packed.length / 2), target), undefined);
  assert.equal(expandXz(pack("xz", "-c", "--delta", "--lzma2"), target), undefined);
});

test("expandLz4Legacy: what `lz4 -l` made, and nothing cut off", () => {
  for (const level of ["-1", "-9"]) {
    const packed = pack("lz4", "-l", "-c", level);
    const target = Buffer.alloc(plain.length);
    assert.equal(expandLz4Legacy(packed, target), plain.length);
    assert.ok(target.equals(plain));
    assert.equal(expandLz4Legacy(packed, target.subarray(1)), undefined);
    assert.equal(expandLz4Legacy(packed.subarray(0, -5), target), undefined);
  }
});

test("zstdFrameLength: where a frame ends, whatever follows it", () => {
  for (const input of [plain, Buffer.alloc(300_000), Buffer.alloc(0), Buffer.from("x")]) {
    for (const checksum of [0, 1]) {
      const frame = zstdCompressSync(input, {
        params: { [constants.ZSTD_c_checksumFlag]: checksum },
      });
      assert.equal(zstdFrameLength(Buffer.concat([frame, Buffer.alloc(500, 0x28)])), frame.length);
      assert.equal(zstdFrameLength(frame.subarray(0, -1)), undefined);
    }
  }
});

test("crc32c: the examples of RFC 3720, B.4", () => {
  const invert = (bytes: Uint8Array) => (crc32c(0xffff_ffff, bytes) ^ 0xffff_ffff) >>> 0;
  assert.equal(invert(Buffer.alloc(32)), 0x8a91_36aa);
  assert.equal(invert(Buffer.alloc(32, 0xff)), 0x62a8_ab43);
  assert.equal(invert(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd_794e);
  assert.equal(invert(Buffer.from("123456789")), 0xe306_9283);
});

test("expandXz, expandLz4Legacy: any change to the bytes ends within the target", () => {
  const small = plain.subarray(0, 3000);
  const xz = execFileSync("xz", ["-c", "--check=none", "--x86", "--lzma2"], { input: small });
  const lz4 = execFileSync("lz4", ["-l", "-c"], { input: small });
  for (const [packed, expand] of [
    [xz, expandXz],
    [lz4, expandLz4Legacy],
  ] as const) {
    const edits = fc.array(fc.tuple(fc.nat(packed.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(edits, (changes) => {
        const bytes = Buffer.from(packed);
        for (const [at, value] of changes) bytes[at] = value;
        const made = expand(bytes, Buffer.alloc(4096));
        return made === undefined || (made >= 0 && made <= 4096);
      }),
      { numRuns: 2000 },
    );
  }
});
