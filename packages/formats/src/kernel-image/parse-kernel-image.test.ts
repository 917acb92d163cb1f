import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { parseBzImage } from "./bz-image.ts";
import { buildBzImage, buildVmlinux, built } from "./kernel-image.fixture.ts";
import { parseKernelImage } from "./parse-kernel-image.ts";

const vmlinux = buildVmlinux();
const pack = (file: string, ...args: readonly string[]) =>
  execFileSync(file, args, { input: vmlinux });

/** As scripts/Makefile.lib of the kernel has them. */
const payloads = {
  gzip: gzipSync(vmlinux),
  xz: pack("xz", "-c", "--check=crc32", "--x86", "--lzma2=dict=1MiB"),
  zstd: zstdCompressSync(vmlinux),
  lz4: pack("lz4", "-l", "-c", "-9"),
};

const parsed = {
  btf: { offset: 0x3000, bytes: built.btf },
  notes: { offset: 0x4000, bytes: built.notes },
  banner: { offset: 0x2010, bytes: built.banner },
};

for (const [name, payload] of Object.entries(payloads)) {
  test(`parseKernelImage: a bzImage by ${name}`, () => {
    const file = buildBzImage(payload, vmlinux.length);
    assert.equal(parseBzImage(file).version, "6.6.6-built (casemate@test) #1 SMP");
    assert.deepEqual(parseKernelImage(file), parsed);
  });

  test(`parseKernelImage: a bzImage by ${name} that says another length, or is cut off`, () => {
    const short = buildBzImage(payload, vmlinux.length - 1);
    const long = buildBzImage(payload, vmlinux.length + 1);
    const half = buildBzImage(payload.subarray(0, payload.length / 2), vmlinux.length);
    const cut = buildBzImage(payload, vmlinux.length).subarray(0, 1500);
    for (const file of [short, long, half, cut]) {
      assert.throws(() => parseKernelImage(file), { code: "disk/unsupported" });
    }
  });
}

test("parseKernelImage: a vmlinux as it is", () => {
  assert.deepEqual(parseKernelImage(vmlinux), parsed);
});

test("parseKernelImage: refuses more than a kernel can be, and ways it does not know", () => {
  const bomb = buildBzImage(payloads.zstd, 0xffff_ffff);
  assert.throws(() => parseKernelImage(bomb), { code: "disk/unsupported", message: /4.0 GiB/ });
  const bzip2 = buildBzImage(Buffer.from("BZh9 and more of it"), vmlinux.length);
  assert.throws(() => parseKernelImage(bzip2), { code: "disk/unsupported", message: /xz, zstd/ });
});

test("parseKernelImage: any bytes give a kernel or an error of the catalogue", () => {
  const whole = buildBzImage(payloads.gzip, vmlinux.length);
  for (const file of [vmlinux, whole]) {
    const edits = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 12 });
    fc.assert(
      fc.property(edits, (changes) => {
        const bytes = Buffer.from(file);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          const { btf, notes, banner } = parseKernelImage(bytes);
          for (const { offset } of [btf, notes, banner]) assert.ok(Number.isInteger(offset));
        } catch (error) {
          assert.ok(error instanceof CasemateError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  }
});
